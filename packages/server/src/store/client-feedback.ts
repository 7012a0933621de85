import { randomBytes } from 'node:crypto';
import { storable, type ClientFeedback, type JsonObject } from '@fermata/protocol';
import type { Page, PageQuery } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import type { ClientSession, NewClientFeedback } from '../engine/facade-clients.ts';
import { readClientToken } from './client-tokens.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import type { Sql } from './sql.ts';

interface FeedbackRow {
  id: string;
  number: number;
  token_id: string;
  session_id: string;
  conversation_id: string;
  type: string;
  message_id: string;
  rating: number | null;
  comment: string | null;
  metadata: JsonObject | null;
  created_at: string;
  updated_at: string;
}

const MAX_PER_SESSION = 200;

/** Throws `quota_exceeded` for one more than a session may give. */
export async function putClientFeedback(
  sql: Sql,
  session: ClientSession,
  { type, messageId, rating, comment, metadata }: NewClientFeedback,
): Promise<{ id: string; created: boolean }> {
  const kept = storable({ messageId, comment, metadata });
  if (!kept.ok) throw new EngineError('invalid_request', `The feedback is ${kept.message}`);
  const text = kept.value as unknown as Pick<NewClientFeedback, 'messageId' | 'comment' | 'metadata'>;
  // Of several at once the last ones must see the first.
  await sql`select from client_sessions where id = ${session.id} for update`;
  const [others] = await sql<{ count: number }[]>`
    select count(*)::int as count from client_feedback
    where session_id = ${session.id} and (type, message_id) <> (${type}, ${text.messageId})`;
  if ((others?.count ?? 0) >= MAX_PER_SESSION)
    throw new EngineError('quota_exceeded', `A session gives at most ${MAX_PER_SESSION} feedbacks`);
  const id = `feedback_${randomBytes(12).toString('hex')}`;
  const [row] = await sql<{ id: string }[]>`
    insert into client_feedback as f (id, organization_id, token_id, session_id, conversation_id, type, message_id,
      rating, comment, metadata)
    values (${id}, ${session.organizationId}, ${session.token.id}, ${session.id}, ${session.conversationId}, ${type},
      ${text.messageId}, ${rating}, ${text.comment},
      ${text.metadata === null ? null : JSON.stringify(text.metadata)})
    on conflict (session_id, type, message_id) do update set rating = excluded.rating, comment = excluded.comment,
      metadata = excluded.metadata, updated_at = now()
    returning id`;
  if (row === undefined) throw new Error('the insert returned no row');
  return { id: row.id, created: row.id === id };
}

/** Newest first unless `order: 'asc'`. `not_found` for a stranger's token. */
export async function listClientFeedback(
  sql: Sql,
  organizationId: number,
  tokenId: string,
  query: PageQuery,
): Promise<Page<ClientFeedback>> {
  await readClientToken(sql, organizationId, tokenId);
  const [after] = decodeCursor('client-feedback', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  const ascending = query.order === 'asc';
  const place =
    after === undefined ? sql`` : ascending ? sql`and number > ${after}` : sql`and number < ${after}`;
  const rows = await sql<FeedbackRow[]>`
    select id, number, token_id, session_id, conversation_id, type, message_id, rating, comment, metadata, created_at,
      updated_at
    from client_feedback where token_id = ${tokenId} ${place}
    order by number ${ascending ? sql`asc` : sql`desc`} limit ${limit + 1} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true
      ? await sql<{ total: number }[]>`
          select count(*) as total from client_feedback where token_id = ${tokenId}`
      : [];
  return pageOf(rows, limit, {
    item: feedbackFromRow,
    cursor: (row) => encodeCursor('client-feedback', [row.number]),
    total: count?.total,
  });
}

function feedbackFromRow(row: FeedbackRow): ClientFeedback {
  return {
    id: row.id,
    clientTokenId: row.token_id,
    sessionId: row.session_id,
    conversationId: row.conversation_id,
    type: row.type,
    messageId: row.message_id === '' ? null : row.message_id,
    rating: row.rating,
    comment: row.comment,
    metadata: row.metadata,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
