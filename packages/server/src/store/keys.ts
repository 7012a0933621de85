import { createHash, randomBytes } from 'node:crypto';
import { roleIncludes, storableText, type Role } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import type { Caller, Page, PageQuery } from '../engine/caller.ts';
import type { ApiKey, IdentityFacade } from '../engine/facade-accounts.ts';
import { isStorable } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import { lockOrganization } from './organizations.ts';
import { readPrincipal, requireAdmin, requireRole } from './principals.ts';
import type { Fragment, Sql } from './sql.ts';

interface KeyRow {
  id: string;
  number: number;
  name: string;
  principal_id: string;
  role: Role;
  prefix: string;
  created_at: string;
  last_used_at: string | null;
  expires_at: string | null;
  revoked_at: string | null;
}

type NewKey = Parameters<IdentityFacade['createKey']>[1];

function columns(sql: Sql): Fragment {
  return sql`id, number, name, principal_id, role, prefix, created_at, last_used_at, expires_at, revoked_at`;
}

function keyFromRow(row: KeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    principalId: row.principal_id,
    role: row.role,
    prefix: row.prefix,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}

/** What is stored of a key. Keys have 256 bits of their own, so that no slow hash is needed. */
export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** The first characters, to tell keys apart; of a short key that somebody chose, not so many that it is told. */
export function prefixOf(secret: string): string {
  return secret.slice(0, Math.min(14, Math.floor(secret.length / 3)));
}

export async function readKey(sql: Sql, organizationId: number, keyId: string): Promise<ApiKey> {
  const [row] = isStorable(keyId)
    ? await sql<KeyRow[]>`
        select ${columns(sql)} from keys where organization_id = ${organizationId} and id = ${keyId}`
    : [];
  if (row === undefined) throw new EngineError('not_found', 'There is no such key');
  return keyFromRow(row);
}

/** Oldest first unless `order: 'desc'`, revoked ones too. */
export async function listKeys(sql: Sql, organizationId: number, query: PageQuery): Promise<Page<ApiKey>> {
  const [after] = decodeCursor('keys', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  const descending = query.order === 'desc';
  const place =
    after === undefined ? sql`` : descending ? sql`and number < ${after}` : sql`and number > ${after}`;
  const rows = await sql<KeyRow[]>`
    select ${columns(sql)} from keys where organization_id = ${organizationId} ${place}
    order by number ${descending ? sql`desc` : sql`asc`} limit ${limit + 1} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true
      ? await sql<
          { total: number }[]
        >`select count(*) as total from keys where organization_id = ${organizationId}`
      : [];
  return pageOf(rows, limit, {
    item: keyFromRow,
    cursor: (row) => encodeCursor('keys', [row.number]),
    total: count?.total,
  });
}

export async function createKey(
  sql: Sql,
  caller: Caller,
  fields: NewKey,
): Promise<ApiKey & { secret: string }> {
  requireRole(caller, fields.role);
  const principal = await readPrincipal(sql, caller.organizationId, fields.principalId ?? caller.principalId);
  requireRole(caller, principal.role);
  if (!roleIncludes(principal.role, fields.role)) {
    throw new EngineError('invalid_request', `The principal is only ${principal.role}`, {
      errors: [{ path: 'role', message: `is more than its principal’s role, ${principal.role}` }],
    });
  }
  const secret = `fermata_${randomBytes(32).toString('base64url')}`;
  const key = await insertKey(sql, caller.organizationId, principal.id, secret, fields);
  return { ...key, secret };
}

export async function insertKey(
  sql: Sql,
  organizationId: number,
  principalId: string,
  secret: string,
  fields: Pick<NewKey, 'name' | 'role' | 'expiresAt'>,
): Promise<ApiKey> {
  const [row] = await sql<KeyRow[]>`
    insert into keys (id, organization_id, principal_id, name, role, prefix, hash, expires_at)
    values (${`key_${randomBytes(12).toString('hex')}`}, ${organizationId}, ${principalId},
      ${storableText(fields.name)}, ${fields.role}, ${prefixOf(secret)}, ${hashOf(secret)}, ${fields.expiresAt ?? null})
    returning ${columns(sql)}`;
  if (row === undefined) throw new Error('the insert returned no row');
  return keyFromRow(row);
}

/** Revoking twice is revoking once. */
export async function revokeKey(sql: Sql, caller: Caller, keyId: string): Promise<ApiKey> {
  await lockOrganization(sql, caller.organizationId);
  const key = await readKey(sql, caller.organizationId, keyId);
  requireRole(caller, key.role);
  if (key.revokedAt !== null) return key;
  await sql`update keys set revoked_at = now() where id = ${keyId}`;
  await requireAdmin(sql, caller.organizationId);
  return readKey(sql, caller.organizationId, keyId);
}
