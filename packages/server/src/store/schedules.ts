import type { Actor, JsonObject, MissedPolicy, Run, RunOrigin, Schedule } from '@fermata/protocol';
import { v7 } from 'uuid';
import type { Page } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import type {
  ScheduledRun,
  ScheduleFields,
  SchedulesFacade,
  ScheduleView,
} from '../engine/facade-sessions.ts';
import { mergeByKey } from '../engine/record.ts';
import { checkSchedule, nextFireAt } from '../engine/schedule-times.ts';
import { allOf, isUuid } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import type { Pool } from './pool.ts';
import { withReply } from './replies.ts';
import { RUN_COLUMNS, runFromRow, type RunRow } from './run-row.ts';
import type { Fragment, Sql } from './sql.ts';

interface ScheduleRow {
  id: string;
  number: number;
  origin: RunOrigin;
  name: string;
  description: string;
  cron: string;
  timezone: string;
  missed: MissedPolicy;
  run: ScheduledRun & JsonObject;
  metadata: JsonObject;
  face: JsonObject | null;
  created_by: Actor;
  paused: Schedule['paused'];
  last_fire_at: string | null;
  next_fire_at: string | null;
  created_at: string;
  updated_at: string;
  total: number;
  succeeded: number;
  failed: number;
}

/** Database time to the engine's time, ms: tests bring their own. */
export type StoreClock = (databaseMs: number) => number;
export const DATABASE_TIME: StoreClock = (databaseMs) => databaseMs;

export function createSchedules(pool: Pool, clock: StoreClock = DATABASE_TIME): SchedulesFacade {
  return {
    list: (caller, query) => pool.read((sql) => listSchedules(sql, caller.organizationId, query)),
    get: (caller, scheduleId) => pool.read((sql) => readOne(sql, caller.organizationId, scheduleId)),
    create: (caller, fields, options) =>
      withReply(pool, options, async (sql) => {
        checkSchedule(fields.cron, fields.timezone);
        const id = v7();
        const next = nextFireAt(fields.cron, fields.timezone, await now(sql, clock));
        await sql`
          insert into schedules (id, organization_id, origin, name, description, cron, timezone, missed, run, metadata,
            face, created_by, next_fire_at)
          values (${id}, ${caller.organizationId}, ${caller.via}, ${fields.name}, ${fields.description}, ${fields.cron},
            ${fields.timezone}, ${fields.missed}, ${JSON.stringify(fields.run)}::text::json,
            ${JSON.stringify(fields.metadata)}::text::jsonb,
            ${fields.face === null ? null : JSON.stringify(fields.face)}::text::json,
            ${JSON.stringify(caller.actor)}::text::jsonb, ${next})`;
        return readOne(sql, caller.organizationId, idOf(id));
      }),
    update: (caller, scheduleId, patch, options) =>
      withReply(pool, options, async (sql) => {
        const view = await lockOne(sql, caller.organizationId, scheduleId);
        const fields = mergeFields(view, patch);
        checkSchedule(fields.cron, fields.timezone);
        const isMoved = fields.cron !== view.schedule.cron || fields.timezone !== view.schedule.timezone;
        const next =
          isMoved && view.schedule.status === 'active'
            ? nextFireAt(fields.cron, fields.timezone, await now(sql, clock))
            : view.schedule.nextFireAt;
        await sql`update schedules set name = ${fields.name}, description = ${fields.description},
          cron = ${fields.cron}, timezone = ${fields.timezone}, missed = ${fields.missed},
          run = ${JSON.stringify(fields.run)}::text::json, metadata = ${JSON.stringify(fields.metadata)}::text::jsonb,
          face = ${fields.face === null ? null : JSON.stringify(fields.face)}::text::json, next_fire_at = ${next},
          updated_at = now()
          where id = ${uuidIn(scheduleId)}`;
        return readOne(sql, caller.organizationId, scheduleId);
      }),
    pause: (caller, scheduleId, reason, options) =>
      withReply(pool, options, async (sql) => {
        const view = await lockOne(sql, caller.organizationId, scheduleId);
        if (view.schedule.status === 'paused') return view;
        const paused = { by: caller.actor, at: await now(sql, clock), reason };
        await sql`update schedules set paused = ${JSON.stringify(paused)}::text::json, next_fire_at = null,
          updated_at = now() where id = ${uuidIn(scheduleId)}`;
        return readOne(sql, caller.organizationId, scheduleId);
      }),
    resume: (caller, scheduleId, options) =>
      withReply(pool, options, async (sql) => {
        const view = await lockOne(sql, caller.organizationId, scheduleId);
        if (view.schedule.status === 'active') return view;
        const { cron, timezone } = view.schedule;
        await sql`update schedules set paused = null, next_fire_at = ${nextFireAt(cron, timezone, await now(sql, clock))},
          updated_at = now() where id = ${uuidIn(scheduleId)}`;
        return readOne(sql, caller.organizationId, scheduleId);
      }),
    delete: (caller, scheduleId, options) =>
      withReply(pool, options, async (sql) => {
        await lockOne(sql, caller.organizationId, scheduleId);
        await sql`update schedules set deleted_at = now(), next_fire_at = null where id = ${uuidIn(scheduleId)}`;
      }),
    fires: (caller, scheduleId, query) =>
      pool.read(async (sql) => {
        await readOne(sql, caller.organizationId, scheduleId);
        return listFires(sql, uuidIn(scheduleId), query);
      }),
  };
}

/** The engine's time, RFC 3339 UTC. */
export async function now(sql: Sql, clock: StoreClock): Promise<string> {
  const [row] = await sql<
    { ms: number }[]
  >`select (extract(epoch from clock_timestamp()) * 1000)::double precision as ms`;
  return new Date(clock(row?.ms ?? Date.now())).toISOString();
}

/** `sched_<32 hex>`. */
export function idOf(uuid: string): string {
  return `sched_${uuid.replaceAll('-', '')}`;
}

const NO_SCHEDULE = '00000000-0000-0000-0000-000000000000';

/** The UUID of a schedule id; of anything else, one that nothing has. */
function uuidIn(scheduleId: string): string {
  const hex = /^sched_([0-9a-f]{32})$/.exec(scheduleId)?.[1];
  const uuid = hex?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') ?? scheduleId;
  return isUuid(uuid) ? uuid : NO_SCHEDULE;
}

function mergeFields(view: ScheduleView, patch: Partial<ScheduleFields>): ScheduleFields {
  const { name, description, cron, timezone, missed, metadata } = view.schedule;
  return {
    name: patch.name ?? name,
    description: patch.description ?? description,
    cron: patch.cron ?? cron,
    timezone: patch.timezone ?? timezone,
    missed: patch.missed ?? missed,
    run: patch.run ?? view.run,
    metadata: mergeByKey(metadata, patch.metadata ?? {}),
    face: patch.face === undefined ? view.face : patch.face,
  };
}

function notFound(): EngineError {
  return new EngineError('not_found', 'There is no such schedule');
}

async function lockOne(sql: Sql, organizationId: number, scheduleId: string): Promise<ScheduleView> {
  await sql`select from schedules where id = ${uuidIn(scheduleId)} and organization_id = ${organizationId} for update`;
  return readOne(sql, organizationId, scheduleId);
}

async function readOne(sql: Sql, organizationId: number, scheduleId: string): Promise<ScheduleView> {
  const page = { limit: 1, offset: 0 };
  const [row] = await readSchedules(sql, organizationId, sql`s.id = ${uuidIn(scheduleId)}`, page);
  if (row === undefined) throw notFound();
  return scheduleFromRow(row);
}

async function listSchedules(
  sql: Sql,
  organizationId: number,
  query: Parameters<SchedulesFacade['list']>[1],
): Promise<Page<ScheduleView>> {
  const [after] = decodeCursor('schedules', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  const conditions: Fragment[] = [];
  if (query.status !== undefined) {
    conditions.push(query.status === 'paused' ? sql`s.paused is not null` : sql`s.paused is null`);
  }
  if (query.origin !== undefined) conditions.push(sql`s.origin = ${query.origin}`);
  const filter = allOf(sql, [...conditions, ...(after === undefined ? [] : [sql`s.number < ${after}`])]);
  const rows = await readSchedules(sql, organizationId, filter, {
    limit: limit + 1,
    offset: offsetOf(query),
  });
  const [count] =
    query.total === true
      ? await sql<{ total: number }[]>`select count(*) as total from schedules s
          where s.organization_id = ${organizationId} and s.deleted_at is null and ${allOf(sql, conditions)}`
      : [];
  return pageOf(rows, limit, {
    item: scheduleFromRow,
    cursor: (row) => encodeCursor('schedules', [row.number]),
    total: count?.total,
  });
}

async function readSchedules(
  sql: Sql,
  organizationId: number,
  condition: Fragment,
  page: { limit: number; offset: number },
): Promise<ScheduleRow[]> {
  return sql<ScheduleRow[]>`
    select page.*, counted.*
    from (
      select s.id, s.number, s.origin, s.name, s.description, s.cron, s.timezone, s.missed, s.run, s.metadata, s.face,
        s.created_by, s.paused, s.last_fire_at, s.next_fire_at, s.created_at, s.updated_at
      from schedules s where s.organization_id = ${organizationId} and s.deleted_at is null and ${condition}
      order by s.number desc limit ${page.limit} offset ${page.offset}
    ) page
    cross join lateral (
      select count(*)::int as total, count(*) filter (where st.status = 'succeeded')::int as succeeded,
        count(*) filter (where st.status in ('failed', 'cancelled') or f.error is not null)::int as failed
      from schedule_fires f left join run_state st on st.run_id = f.run_id where f.schedule_id = page.id
    ) counted
    order by page.number desc`;
}

function scheduleFromRow(row: ScheduleRow): ScheduleView {
  const { total, succeeded, failed } = row;
  const { agentId, agent, ...run } = row.run;
  const given = agentId ?? agent;
  return {
    run: row.run,
    origin: row.origin,
    face: row.face,
    schedule: {
      id: idOf(row.id),
      name: row.name,
      description: row.description,
      cron: row.cron,
      timezone: row.timezone,
      missed: row.missed,
      run: { ...(given === undefined ? {} : { agent: given }), ...run } as JsonObject,
      status: row.paused === null ? 'active' : 'paused',
      paused: row.paused,
      metadata: row.metadata,
      createdBy: row.created_by,
      fires: { total, succeeded, failed },
      lastFireAt: row.last_fire_at,
      nextFireAt: row.next_fire_at,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    },
  };
}

interface FireRow {
  fire_at: string;
  fired_at: string;
  fired_run_id: string | null;
  fire_error: string | null;
}

async function listFires(
  sql: Sql,
  scheduleId: string,
  query: Parameters<SchedulesFacade['fires']>[2],
): ReturnType<SchedulesFacade['fires']> {
  const [before] = decodeCursor('fires', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  const place = before === undefined ? sql`` : sql`and fire_at < ${before}`;
  const rows = await sql<FireRow[]>`
    select fire_at, fired_at, run_id as fired_run_id, error as fire_error from schedule_fires
    where schedule_id = ${scheduleId} ${place}
    order by fire_at desc limit ${limit + 1} offset ${offsetOf(query)}`;
  const ids = rows.flatMap((row) => (row.fired_run_id === null ? [] : [row.fired_run_id]));
  const runRows =
    ids.length === 0
      ? []
      : await sql<RunRow[]>`select ${sql.unsafe(RUN_COLUMNS)} from runs r join run_state s on s.run_id = r.id
          where r.id = any(${ids}::uuid[])`;
  const runs = new Map<string, Run>(runRows.map((row) => [row.id, runFromRow(row)]));
  const [count] =
    query.total === true
      ? await sql<
          { total: number }[]
        >`select count(*) as total from schedule_fires where schedule_id = ${scheduleId}`
      : [];
  return pageOf(rows, limit, {
    item: (row) => ({
      fire: { fireAt: row.fire_at, firedAt: row.fired_at, runId: row.fired_run_id, error: row.fire_error },
      run: row.fired_run_id === null ? null : (runs.get(row.fired_run_id) ?? null),
    }),
    cursor: (row) => encodeCursor('fires', [row.fire_at]),
    total: count?.total,
  });
}
