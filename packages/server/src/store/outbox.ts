import type { Json } from '@fermata/protocol';
import type { Sent } from '../engine/outbox.ts';
import type { PendingOutbox } from '../engine/ports.ts';
import { jsonArray, plainArray } from './array-literal.ts';
import type { Pool } from './pool.ts';
import type { Sql } from './sql.ts';

export interface OutboxWrite extends Sent {
  senderId: string;
}

/** In the transaction of the sender, whose row is locked: one sender's rows have ids in the order of its commits. */
export function insertOutbox(sql: Sql, rows: readonly OutboxWrite[]): PromiseLike<unknown> {
  return sql`
    insert into outbox (run_id, sender_id, sender_seq, command)
    select run_id, sender_id, sender_seq, command::json from unnest(
      ${plainArray(rows.map((row) => row.runId))}::uuid[],
      ${plainArray(rows.map((row) => row.senderId))}::uuid[],
      ${plainArray(rows.map((row) => row.senderSeq))}::int[],
      ${jsonArray(rows.map((row) => JSON.stringify(row.command)))}::text[]
    ) with ordinality as o (run_id, sender_id, sender_seq, command, place) order by place`;
}

/** In the transaction that applies them. */
export function deleteOutbox(sql: Sql, ids: readonly number[]): PromiseLike<unknown> {
  return sql`delete from outbox where id = any(${plainArray(ids)}::bigint[])`;
}

/** Which of the rows are there still. A later statement than the one that locks their receivers. */
export async function presentOutbox(sql: Sql, ids: readonly number[]): Promise<Set<number>> {
  if (ids.length === 0) return new Set();
  const rows = await sql<{ id: number }[]>`
    select id from outbox where id = any(${plainArray(ids)}::bigint[])`;
  return new Set(rows.map((row) => row.id));
}

export interface OutboxRow {
  id: number;
  run_id: string;
  sender_id: string;
  sender_seq: number;
  command: Json;
}

export function pendingFromRow(row: OutboxRow): PendingOutbox {
  return {
    id: row.id,
    runId: row.run_id,
    senderId: row.sender_id,
    senderSeq: row.sender_seq,
    command: row.command,
  };
}

/** What was left for these runs, in the order in which it is to be applied on each; at most `limit` rows. */
export async function readOutboxOf(
  pool: Pool,
  runIds: readonly string[],
  limit: number,
): Promise<PendingOutbox[]> {
  const rows = await pool.read(
    (sql) => sql<OutboxRow[]>`select id, run_id, sender_id, sender_seq, command from outbox
      where run_id = any(${plainArray(runIds)}::uuid[]) order by id limit ${limit}`,
  );
  return rows.map(pendingFromRow);
}
