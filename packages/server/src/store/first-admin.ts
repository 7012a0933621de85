import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { hashOf, insertKey } from './keys.ts';
import type { Pool } from './pool.ts';
import type { Sql } from './sql.ts';

/** What a boot found or made. */
export interface FirstAdmin {
  keyId: string;
  /** The key was not known before. */
  isNew: boolean;
  /** False: it was revoked, or its principal was disabled, and stays so. */
  isUsable: boolean;
}

/**
 * Makes the first organization (1), its first principal (number 1, `admin`) and this key of it, each unless it is
 * there. Any number of processes may do it at once; a key that was preset anew is added to the others.
 */
export function ensureFirstAdmin(pool: Pool, apiKey: string): Promise<FirstAdmin> {
  return pool.transaction(async (sql) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('fermata:first-admin', 0))`;
    await ensureOrganization(sql);
    const principalId = await ensurePrincipal(sql);
    const found = await findKey(sql, apiKey);
    if (found !== null) return { ...found, isNew: false };
    const key = await insertKey(sql, 1, principalId, apiKey, { name: 'first admin', role: 'admin' });
    const made = await findKey(sql, apiKey);
    return { keyId: key.id, isNew: true, isUsable: made?.isUsable === true };
  });
}

async function ensureOrganization(sql: Sql): Promise<void> {
  const made = await sql`insert into organizations (id, uuid, name) values (1, ${randomUUID()}, 'default')
    on conflict (id) do nothing`;
  if (made.count > 0) {
    await sql`select setval(pg_get_serial_sequence('organizations', 'id'), (select max(id) from organizations))`;
  }
}

async function ensurePrincipal(sql: Sql): Promise<string> {
  const [found] = await sql<{ id: string }[]>`select id from principals where number = 1`;
  if (found !== undefined) return found.id;
  const id = uuidv7();
  await sql`insert into principals (id, number, organization_id, type, name, role)
    values (${id}, 1, 1, 'person', 'admin', 'admin')`;
  await sql`select setval(pg_get_serial_sequence('principals', 'number'), (select max(number) from principals))`;
  return id;
}

async function findKey(sql: Sql, apiKey: string): Promise<Omit<FirstAdmin, 'isNew'> | null> {
  const [row] = await sql<{ id: string; is_usable: boolean }[]>`
    select keys.id, keys.revoked_at is null and principals.disabled_at is null
      and (keys.expires_at is null or keys.expires_at > now()) as is_usable
    from keys join principals on principals.id = keys.principal_id
    where keys.hash = ${hashOf(apiKey)}`;
  return row === undefined ? null : { keyId: row.id, isUsable: row.is_usable };
}
