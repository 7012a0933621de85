import { randomBytes } from 'node:crypto';
import { storable, storableText, type Actor, type ClientConfig, type ClientToken } from '@fermata/protocol';
import type { Caller, Page, PageQuery } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import type { ClientTokenPatch, NewClientToken } from '../engine/facade-clients.ts';
import { isStorable } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import { hashOf, prefixOf } from './keys.ts';
import type { Fragment, Sql } from './sql.ts';

export interface ClientTokenRow {
  id: string;
  number: number;
  organization_id: number;
  name: string;
  prefix: string;
  target: string | null;
  origins: string[];
  active: boolean;
  config: ClientConfig;
  daily_message_limit: number | null;
  created_by: Actor;
  created_at: string;
  updated_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}

/** Of `client_tokens t`. */
export function clientTokenColumns(sql: Sql): Fragment {
  return sql`t.id, t.number, t.organization_id, t.name, t.prefix, t.target, t.origins, t.active, t.config,
    t.daily_message_limit, t.created_by, t.created_at, t.updated_at, t.last_used_at, t.revoked_at`;
}

export function clientTokenFromRow(row: ClientTokenRow): ClientToken {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    target: row.target,
    origins: row.origins,
    active: row.active && row.revoked_at === null,
    config: row.config,
    dailyMessageLimit: row.daily_message_limit,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
  };
}

export async function readClientToken(
  sql: Sql,
  organizationId: number,
  tokenId: string,
): Promise<ClientToken> {
  const [row] = isStorable(tokenId)
    ? await sql<ClientTokenRow[]>`
        select ${clientTokenColumns(sql)} from client_tokens t
        where t.organization_id = ${organizationId} and t.id = ${tokenId}`
    : [];
  if (row === undefined) throw new EngineError('not_found', 'There is no such client token');
  return clientTokenFromRow(row);
}

export async function findClientToken(
  sql: Sql,
  secret: string,
): Promise<{ organizationId: number; token: ClientToken } | null> {
  const [row] = await sql<ClientTokenRow[]>`
    select ${clientTokenColumns(sql)} from client_tokens t
    where t.hash = ${hashOf(secret)} and t.revoked_at is null`;
  return row === undefined ? null : { organizationId: row.organization_id, token: clientTokenFromRow(row) };
}

export async function listClientTokens(
  sql: Sql,
  organizationId: number,
  query: PageQuery,
): Promise<Page<ClientToken>> {
  const [after] = decodeCursor('client-tokens', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  const descending = query.order === 'desc';
  const place =
    after === undefined ? sql`` : descending ? sql`and t.number < ${after}` : sql`and t.number > ${after}`;
  const rows = await sql<ClientTokenRow[]>`
    select ${clientTokenColumns(sql)} from client_tokens t where t.organization_id = ${organizationId} ${place}
    order by t.number ${descending ? sql`desc` : sql`asc`} limit ${limit + 1} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true
      ? await sql<{ total: number }[]>`
          select count(*) as total from client_tokens where organization_id = ${organizationId}`
      : [];
  return pageOf(rows, limit, {
    item: clientTokenFromRow,
    cursor: (row) => encodeCursor('client-tokens', [row.number]),
    total: count?.total,
  });
}

export async function createClientToken(
  sql: Sql,
  caller: Caller,
  fields: NewClientToken,
): Promise<ClientToken & { token: string }> {
  const token = `ct_${randomBytes(32).toString('base64url')}`;
  const [row] = await sql<ClientTokenRow[]>`
    insert into client_tokens as t (id, organization_id, name, prefix, hash, target, origins, active, config,
      daily_message_limit, created_by)
    values (${`ctok_${randomBytes(12).toString('hex')}`}, ${caller.organizationId}, ${storableText(fields.name)},
      ${prefixOf(token)}, ${hashOf(token)}, ${fields.target ?? null}, ${fields.origins}::text[],
      ${fields.active ?? true}, ${configText(fields.config)}, ${fields.dailyMessageLimit ?? null},
      ${JSON.stringify(caller.actor)})
    returning ${clientTokenColumns(sql)}`;
  if (row === undefined) throw new Error('the insert returned no row');
  return { ...clientTokenFromRow(row), token };
}

export async function updateClientToken(
  sql: Sql,
  { organizationId }: Caller,
  tokenId: string,
  patch: ClientTokenPatch,
): Promise<ClientToken> {
  const current = await lockClientToken(sql, organizationId, tokenId);
  if (current.revokedAt !== null) throw new EngineError('invalid_transition', 'The client token was revoked');
  const limit = patch.dailyMessageLimit;
  await sql`
    update client_tokens set name = ${storableText(patch.name ?? current.name)},
      origins = ${patch.origins ?? current.origins}::text[], active = ${patch.active ?? current.active},
      target = ${patch.target === undefined ? current.target : patch.target},
      config = ${configText(patch.config ?? current.config)},
      daily_message_limit = ${limit === undefined ? current.dailyMessageLimit : limit}, updated_at = now()
    where id = ${tokenId}`;
  return readClientToken(sql, organizationId, tokenId);
}

/** Revoking twice is revoking once. */
export async function revokeClientToken(
  sql: Sql,
  { organizationId }: Caller,
  tokenId: string,
): Promise<ClientToken> {
  const current = await lockClientToken(sql, organizationId, tokenId);
  if (current.revokedAt !== null) return current;
  await sql`update client_tokens set revoked_at = now(), updated_at = now() where id = ${tokenId}`;
  await sql`delete from client_sessions where token_id = ${tokenId}`;
  return readClientToken(sql, organizationId, tokenId);
}

async function lockClientToken(sql: Sql, organizationId: number, tokenId: string): Promise<ClientToken> {
  if (isStorable(tokenId)) {
    await sql`select from client_tokens where organization_id = ${organizationId} and id = ${tokenId} for update`;
  }
  return readClientToken(sql, organizationId, tokenId);
}

function configText(config: ClientConfig | undefined): string {
  const kept = storable(config ?? {});
  if (!kept.ok) throw new EngineError('invalid_request', `The configuration is ${kept.message}`);
  return JSON.stringify(kept.value);
}
