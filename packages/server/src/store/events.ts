import type { EventType, RunEvent } from '@fermata/protocol';
import type { EventCounts, EventPageQuery, EventReads } from '../engine/ports.ts';
import { createBatchedRead } from './batched-read.ts';
import { isUuid } from './condition.ts';
import type { Pool } from './pool.ts';
import type { Sql } from './sql.ts';

export interface EventRow {
  seq: number;
  type: string;
  at: string;
  v: number;
  data: unknown;
}

// A page of the largest events would be 256 MB: what a reader takes in one go is bounded by size too.
const PAGE_BYTES = 1_048_576;

export function createEventReads(pool: Pool): EventReads & EventCounts {
  const forFold = createBatchedRead(
    (keys: readonly FoldKey[]) => pool.read((sql) => readFoldPages(sql, keys)),
    200,
  );
  return {
    page(runId, query) {
      const { after = 0, limit, without } = query;
      const isForFold = without !== undefined && limit === FOLD_PAGE && without.join() === NOT_FOLDED.join();
      if (isForFold && query.before === undefined && query.order !== 'desc' && query.types === undefined) {
        return isUuid(runId) ? forFold({ runId, after }) : Promise.resolve([]);
      }
      return pool.read((sql) => readPage(sql, runId, query));
    },
    async count(runId, types) {
      if (!isUuid(runId)) return 0;
      const [row] = await pool.read(
        (sql) => sql<{ count: number }[]>`select count(*) as count from events
          where run_id = ${runId} ${types === undefined ? sql`` : sql`and type = any(${[...types]})`}`,
      );
      return row?.count ?? 0;
    },
    readFrom: (runId, after, limit) => pool.read((sql) => readFrom(sql, runId, after, limit)),
    async head(runId) {
      if (!isUuid(runId)) return null;
      const [row] = await pool.read(
        (sql) => sql<{ head: number }[]>`select head from run_state where run_id = ${runId}`,
      );
      return row?.head ?? null;
    },
    async heads(runIds) {
      const rows = await pool.read(
        (sql) => sql<{ run_id: string; head: number }[]>`
          select run_id, head from run_state where run_id = any(${runIds.filter(isUuid)}::uuid[])`,
      );
      return new Map(rows.map((row) => [row.run_id, row.head]));
    },
  };
}

/**
 * The stored event. Type and `v` are not checked here: whoever interprets `data` must (`assertKnown`), while a
 * reader that only passes events on may pass on those of a newer version.
 */
export function eventFromRow(runId: string, row: EventRow): RunEvent {
  return { runId, seq: row.seq, type: row.type, at: row.at, v: row.v, data: row.data } as RunEvent;
}

interface FoldKey {
  runId: string;
  after: number;
}

/** What a segment reads when it begins, of all runs that begin at once. */
const FOLD_PAGE = 200;
const NOT_FOLDED: readonly EventType[] = ['message.delta', 'tool.output'];

async function readFoldPages(sql: Sql, keys: readonly FoldKey[]): Promise<RunEvent[][]> {
  const rows = await sql<(EventRow & { place: number })[]>`
    select wanted.place, e.seq, e.type, e.at, e.v, e.data
    from unnest(${keys.map((key) => key.runId)}::uuid[], ${keys.map((key) => key.after)}::int[])
      with ordinality as wanted (run_id, after, place)
    cross join lateral (
      select seq, type, at, v, data from events
      where events.run_id = wanted.run_id and seq > wanted.after and type <> all(${[...NOT_FOLDED]})
      order by seq limit ${FOLD_PAGE}
    ) e
    order by wanted.place, e.seq`;
  const pages: RunEvent[][] = keys.map(() => []);
  for (const { place, ...row } of rows) {
    const key = keys[place - 1];
    if (key !== undefined) pages[place - 1]?.push(eventFromRow(key.runId, row));
  }
  return pages;
}

async function readPage(sql: Sql, runId: string, query: EventPageQuery): Promise<RunEvent[]> {
  if (!isUuid(runId)) return [];
  const { after, before, types, without, limit, offset = 0 } = query;
  const rows = await sql<EventRow[]>`select seq, type, at, v, data from events
    where run_id = ${runId}
      ${after === undefined ? sql`` : sql`and seq > ${after}`}
      ${before === undefined ? sql`` : sql`and seq < ${before}`}
      ${types === undefined ? sql`` : sql`and type = any(${[...types]})`}
      ${without === undefined ? sql`` : sql`and type <> all(${[...without]})`}
    order by seq ${query.order === 'desc' ? sql`desc` : sql`asc`}
    limit ${limit} offset ${offset}`;
  return rows.map((row) => eventFromRow(runId, row));
}

async function readFrom(sql: Sql, runId: string, after: number, limit: number): Promise<RunEvent[]> {
  if (!isUuid(runId)) return [];
  // `octet_length(data::text)` would be exact, and unpacks every large value twice.
  const rows = await sql<EventRow[]>`
    select seq, type, at, v, data from (
      select *, sum(pg_column_size(data)) over (order by seq rows between unbounded preceding and 1 preceding) as bytes
      from (
        select seq, type, at, v, data from events where run_id = ${runId} and seq > ${after} order by seq limit ${limit}
      ) page
    ) sized
    where bytes is null or bytes < ${PAGE_BYTES}
    order by seq`;
  return rows.map((row) => eventFromRow(runId, row));
}
