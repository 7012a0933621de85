import type { TestDatabase } from './database.ts';

/** Whatever the tables say, but for what processes and keys note of themselves. */
export async function contentsOf({ sql }: Pick<TestDatabase, 'sql'>): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('public', 'graphile_worker') and tablename not in ('executors', 'keys') order by 1`;
  const rows = tables.map(async ({ name }) => {
    const [row] = await sql<{ all: string | null }[]>`
      select string_agg(t::text, chr(10) order by t::text) as all from ${sql.unsafe(name)} as t`;
    return `${name}\n${row?.all ?? ''}`;
  });
  return (await Promise.all(rows)).join('\n');
}
