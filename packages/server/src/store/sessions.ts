import { systemActor, type Actor, type JsonObject, type Run, type Session } from '@fermata/protocol';
import { v7 } from 'uuid';
import type { Caller, Page } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import type { SessionsFacade, SessionView } from '../engine/facade-sessions.ts';
import { mergeByKey } from '../engine/record.ts';
import { sessionOf } from '../engine/start-run.ts';
import { allOf, isStorable, isUuid } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import type { Pool } from './pool.ts';
import { withReply } from './replies.ts';
import { RUN_COLUMNS, runFromRow, type RunRow } from './run-row.ts';
import type { Fragment, Sql } from './sql.ts';

interface SessionRow {
  id: string;
  number: number;
  key: string | null;
  title: string | null;
  metadata: JsonObject;
  created_by: Actor;
  created_at: string;
  updated_at: string;
  total: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number | null;
  latest_id: string | null;
}

/** What a new run of a session needs, beside the facade. */
export interface SessionStore extends SessionsFacade {
  /** Makes the session if it is not there, or begins it anew if it was deleted, and marks it as used. */
  touch(caller: Caller, session: { id: string; key: string | null }): Promise<void>;
  /** Ids of its finished runs, newest first, of the conversation as it is now. */
  finishedRuns(organizationId: number, sessionId: string, limit: number): Promise<string[]>;
}

export function createSessions(pool: Pool): SessionStore {
  async function one(organizationId: number, condition: (sql: Sql) => Fragment): Promise<SessionView> {
    const [view] = (
      await pool.read((sql) => readSessions(sql, organizationId, condition(sql), { limit: 1, offset: 0 }))
    ).views;
    if (view === undefined) throw notFound();
    return view;
  }
  return {
    list: (caller, query) => pool.read((sql) => listSessions(sql, caller.organizationId, query)),
    get: async (caller, sessionId) =>
      isUuid(sessionId)
        ? one(caller.organizationId, (sql) => sql`s.id = ${sessionId}`)
        : Promise.reject(notFound()),
    getByKey: async (caller, key) =>
      isStorable(key) ? one(caller.organizationId, (sql) => sql`s.key = ${key}`) : Promise.reject(notFound()),
    create: (caller, fields, options) =>
      withReply(pool, options, async (sql) => {
        const { key = null, title = null, metadata = {} } = fields;
        const id = sessionOf(caller, key ?? undefined) ?? v7();
        const [created] = await sql`
          insert into sessions as kept (organization_id, id, key, title, metadata, created_by)
          values (${caller.organizationId}, ${id}, ${key}, ${title}, ${JSON.stringify(metadata)},
            ${JSON.stringify(caller.actor)})
          on conflict (organization_id, id) do update set deleted_at = null, begun_at = now(), title = excluded.title,
            metadata = excluded.metadata, updated_at = now()
          where kept.deleted_at is not null
          returning id`;
        const { session } = await readOne(sql, caller.organizationId, id);
        return { session, created: created !== undefined };
      }),
    update: (caller, sessionId, patch, options) =>
      withReply(pool, options, async (sql) => {
        const { session } = await lockOne(sql, caller.organizationId, sessionId);
        const title = patch.title === undefined ? session.title : patch.title;
        const metadata = mergeByKey(session.metadata, patch.metadata ?? {});
        await sql`update sessions set title = ${title}, metadata = ${JSON.stringify(metadata)}, updated_at = now()
          where organization_id = ${caller.organizationId} and id = ${sessionId}`;
        return (await readOne(sql, caller.organizationId, sessionId)).session;
      }),
    delete: (caller, sessionId, options) =>
      withReply(pool, options, async (sql) => {
        await lockOne(sql, caller.organizationId, sessionId);
        await sql`update sessions set deleted_at = now(), updated_at = now()
          where organization_id = ${caller.organizationId} and id = ${sessionId}`;
      }),
    async touch(caller, { id, key }) {
      await pool.transaction(
        (sql) => sql`
          insert into sessions as kept (organization_id, id, key, created_by)
          values (${caller.organizationId}, ${id}, ${key}, ${JSON.stringify(caller.actor ?? systemActor('driver'))})
          on conflict (organization_id, id) do update set updated_at = now(), deleted_at = null,
            begun_at = case when kept.deleted_at is null then kept.begun_at else now() end`,
      );
    },
    async finishedRuns(organizationId, sessionId, limit) {
      const rows = await pool.read(
        (sql) => sql<{ id: string }[]>`
          select r.id from runs r join run_state st on st.run_id = r.id
          join sessions s on s.organization_id = r.organization_id and s.id = r.session_id
          where r.session_id = ${sessionId} and r.organization_id = ${organizationId}
            and st.status in ('succeeded', 'failed', 'cancelled') and r.created_at >= s.begun_at
          order by r.number desc limit ${limit}`,
      );
      return rows.map((row) => row.id);
    },
  };
}

function notFound(): EngineError {
  return new EngineError('not_found', 'There is no such session');
}

async function readOne(sql: Sql, organizationId: number, id: string): Promise<SessionView> {
  const { views } = await readSessions(sql, organizationId, sql`s.id = ${id}`, { limit: 1, offset: 0 });
  const [view] = views;
  if (view === undefined) throw notFound();
  return view;
}

async function lockOne(sql: Sql, organizationId: number, id: string): Promise<SessionView> {
  if (!isUuid(id)) throw notFound();
  await sql`select from sessions where organization_id = ${organizationId} and id = ${id} for update`;
  return readOne(sql, organizationId, id);
}

async function listSessions(
  sql: Sql,
  organizationId: number,
  query: Parameters<SessionsFacade['list']>[1],
): Promise<Page<SessionView>> {
  const [after] = decodeCursor('sessions', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  if (query.key !== undefined && !isStorable(query.key)) return { data: [], nextCursor: null };
  const conditions = query.key === undefined ? [] : [sql`s.key = ${query.key}`];
  const filter = allOf(sql, [...conditions, ...(after === undefined ? [] : [sql`s.number < ${after}`])]);
  const { rows, views } = await readSessions(sql, organizationId, filter, {
    limit: limit + 1,
    offset: offsetOf(query),
  });
  const byId = new Map(views.map((view) => [view.session.id, view]));
  const [count] =
    query.total === true
      ? await sql<{ total: number }[]>`
          select count(*) as total from sessions s
          where s.organization_id = ${organizationId} and s.deleted_at is null and ${allOf(sql, conditions)}`
      : [];
  return pageOf(rows, limit, {
    item: (row) => byId.get(row.id) ?? { session: sessionFromRow(row, null), latest: null },
    cursor: (row) => encodeCursor('sessions', [row.number]),
    total: count?.total,
  });
}

/** The page is cut before the runs of its sessions are counted. */
async function readSessions(
  sql: Sql,
  organizationId: number,
  condition: Fragment,
  page: { limit: number; offset: number },
): Promise<{ rows: SessionRow[]; views: SessionView[] }> {
  const rows = await sql<SessionRow[]>`
    select page.*, counted.*
    from (
      select s.id, s.number, s.key, s.title, s.metadata, s.created_by, s.created_at, s.updated_at
      from sessions s where s.organization_id = ${organizationId} and s.deleted_at is null and ${condition}
      order by s.number desc limit ${page.limit} offset ${page.offset}
    ) page
    cross join lateral (
      select count(*)::int as total,
        count(*) filter (where st.status = 'succeeded')::int as succeeded,
        count(*) filter (where st.status = 'failed')::int as failed,
        count(*) filter (where st.status = 'cancelled')::int as cancelled,
        coalesce(sum((st.state->'usage'->>'inputTokens')::bigint), 0)::bigint as input_tokens,
        coalesce(sum((st.state->'usage'->>'outputTokens')::bigint), 0)::bigint as output_tokens,
        case when bool_or(st.state->'usage'->>'costUsd' is null) then null
          else coalesce(sum((st.state->'usage'->>'costUsd')::double precision), 0) end as cost_usd,
        (array_agg(r.id order by r.number desc))[1] as latest_id
      from runs r join run_state st on st.run_id = r.id
      where r.session_id = page.id and r.organization_id = ${organizationId}
    ) counted
    order by page.number desc`;
  const latestIds = rows.flatMap((row) => (row.latest_id === null ? [] : [row.latest_id]));
  const runs =
    latestIds.length === 0
      ? []
      : await sql<RunRow[]>`select ${sql.unsafe(RUN_COLUMNS)} from runs r join run_state s on s.run_id = r.id
          where r.id = any(${latestIds}::uuid[])`;
  const byId = new Map(runs.map((row) => [row.id, runFromRow(row)]));
  const views = rows.map((row) => {
    const latest = row.latest_id === null ? null : (byId.get(row.latest_id) ?? null);
    return { session: sessionFromRow(row, latest), latest };
  });
  return { rows, views };
}

function sessionFromRow(row: SessionRow, latest: Run | null): Session {
  const { total, succeeded, failed, cancelled } = row;
  return {
    id: row.id,
    key: row.key,
    title: row.title,
    metadata: row.metadata,
    createdBy: row.created_by,
    runs: { total, active: total - succeeded - failed - cancelled, succeeded, failed, cancelled },
    usage: {
      inputTokens: Number(row.input_tokens),
      outputTokens: Number(row.output_tokens),
      costUsd: row.cost_usd,
    },
    latestRun: latest === null ? null : { id: latest.id, status: latest.status, createdAt: latest.createdAt },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
