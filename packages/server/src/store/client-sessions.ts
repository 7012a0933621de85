import { randomBytes, randomUUID } from 'node:crypto';
import { storable, type ClientToken, type JsonObject } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import type { ClientsFacade, ClientSession } from '../engine/facade-clients.ts';
import { clientTokenColumns, clientTokenFromRow, type ClientTokenRow } from './client-tokens.ts';
import { isUuid } from './condition.ts';
import { hashOf } from './keys.ts';
import type { Fragment, Sql } from './sql.ts';

interface SessionRow extends ClientTokenRow {
  session_id: string;
  conversation_id: string;
  origin: string | null;
  tools: JsonObject[] | null;
  tools_fingerprint: string | null;
  expires_at: string;
}

type SessionStart = Parameters<ClientsFacade['beginSession']>[1];

/** Sessions joined with their tokens, as `s` and `t`. */
function selectSessions(sql: Sql, condition: Fragment): Fragment {
  return sql`
    select ${clientTokenColumns(sql)}, s.id as session_id, s.conversation_id, s.origin, s.tools, s.tools_fingerprint,
      s.expires_at
    from client_sessions s join client_tokens t on t.id = s.token_id
    where ${condition}`;
}

/** Neither expired nor of a token that was revoked. */
function isLive(sql: Sql): Fragment {
  return sql`s.expires_at > now() and t.revoked_at is null`;
}

function sessionFromRow(row: SessionRow): ClientSession {
  return {
    id: row.session_id,
    organizationId: row.organization_id,
    token: clientTokenFromRow(row),
    conversationId: row.conversation_id,
    origin: row.origin,
    tools: row.tools,
    toolsFingerprint: row.tools_fingerprint,
    expiresAt: row.expires_at,
  };
}

export async function beginClientSession(
  sql: Sql,
  organizationId: number,
  token: ClientToken,
  { origin, continues }: SessionStart,
): Promise<{ secret: string; session: ClientSession }> {
  const before = await earlierSession(sql, token.id, continues);
  const id = `client_${randomBytes(12).toString('hex')}`;
  const secret = `clsess_${randomBytes(32).toString('base64url')}`;
  const tools = before?.tools ?? null;
  await sql`
    insert into client_sessions (id, organization_id, token_id, hash, conversation_id, origin, tools, tools_fingerprint,
      expires_at)
    values (${id}, ${organizationId}, ${token.id}, ${hashOf(secret)}, ${before?.conversationId ?? randomUUID()},
      ${origin}, ${tools === null ? null : JSON.stringify(tools)}, ${before?.toolsFingerprint ?? null},
      now() + interval '24 hours')`;
  await sql`update client_tokens set last_used_at = now()
    where id = ${token.id} and (last_used_at is null or last_used_at < now() - interval '1 minute')`;
  const [row] = await sql<SessionRow[]>`${selectSessions(sql, sql`s.id = ${id}`)}`;
  if (row === undefined) throw new Error('the insert returned no row');
  return { secret, session: sessionFromRow(row) };
}

/** Also one that has expired, while it is there. */
async function earlierSession(
  sql: Sql,
  tokenId: string,
  continues: SessionStart['continues'],
): Promise<ClientSession | null> {
  const { secret, conversationId } = continues ?? {};
  const named =
    secret !== undefined
      ? sql`s.hash = ${hashOf(secret)}`
      : conversationId !== undefined && isUuid(conversationId)
        ? sql`s.conversation_id = ${conversationId}`
        : null;
  if (named === null) return null;
  const [row] = await sql<SessionRow[]>`
    ${selectSessions(sql, sql`s.token_id = ${tokenId} and ${named}`)} order by s.expires_at desc limit 1`;
  return row === undefined ? null : sessionFromRow(row);
}

export async function findClientSession(sql: Sql, secret: string): Promise<ClientSession | null> {
  const [row] = await sql<SessionRow[]>`
    ${selectSessions(sql, sql`s.hash = ${hashOf(secret)} and ${isLive(sql)}`)}`;
  return row === undefined ? null : sessionFromRow(row);
}

export async function clientSessionOfRun(sql: Sql, runId: string): Promise<ClientSession | null> {
  if (!isUuid(runId)) return null;
  // Only a page's own runs carry a client: `created_by` comes from the credential.
  const client = sql`(select r.organization_id, r.face->'client' as face from runs r
    where r.id = ${runId} and r.origin = 'runtype' and r.created_by->>'type' = 'key'
      and r.created_by->>'id' = r.face->'client'->>'sessionId')`;
  const [row] = await sql<SessionRow[]>`
    ${selectSessions(
      sql,
      sql`${isLive(sql)} and exists (select from ${client} as c
        where c.organization_id = s.organization_id and c.face->>'tokenId' = s.token_id
          and c.face->>'conversationId' = s.conversation_id::text)`,
    )} order by s.expires_at desc limit 1`;
  return row === undefined ? null : sessionFromRow(row);
}

export async function keepClientTools(
  sql: Sql,
  sessionId: string,
  tools: readonly JsonObject[],
  fingerprint: string | null,
): Promise<void> {
  const kept = storable({ tools: [...tools] });
  if (!kept.ok) throw new EngineError('invalid_request', `The tools are ${kept.message}`);
  await sql`update client_sessions set tools = (${JSON.stringify(kept.value)}::json)->'tools',
    tools_fingerprint = ${fingerprint} where id = ${sessionId}`;
}
