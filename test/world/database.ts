import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import type { DatabaseTarget } from '../../packages/server/src/store/database-target.ts';
import { Session } from '../../packages/server/src/store/session.ts';
import type { Sql } from '../../packages/server/src/store/sql.ts';

export interface TestDatabase extends AsyncDisposable {
  target: Exclude<DatabaseTarget, string>;
  /** A session of the test's own, to look behind the scenes. */
  sql: Sql;
  /** The same database as environment variables of a server. */
  env: Record<string, string>;
}

/** A migrated database of the test's own; dropped at the end. */
export async function testDatabase(): Promise<TestDatabase> {
  const { host, port, user, adminDatabase, templateDatabase } = inject('postgres');
  const database = `t_${randomBytes(6).toString('hex')}`;
  const admin = await Session.open({ host, port, user, database: adminDatabase }, { part: 'test admin' });
  await admin.sql.unsafe(`create database ${database} template ${templateDatabase}`);
  const target = { host, port, user, database };
  const session = await Session.open(target, { part: 'test', settings: { statement_timeout: 60_000 } });
  await session.sql`insert into organizations (id, uuid, name) values (1, gen_random_uuid(), 'test') on conflict do nothing`;
  return {
    target,
    sql: session.sql,
    env: {
      DATABASE_URL: `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`,
    },
    async [Symbol.asyncDispose]() {
      await session.close();
      await admin.sql.unsafe(`drop database if exists ${database} with (force)`);
      await admin.close();
    },
  };
}
