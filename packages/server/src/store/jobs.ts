import { randomBytes } from 'node:crypto';
import {
  isFinalJobStatus,
  type Actor,
  type Job,
  type JobAction,
  type JobError,
  type JobFilter,
  type JobPreview,
  type JobStatus,
  type JsonObject,
  type RunStatus,
} from '@fermata/protocol';
import type { Caller, Page } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import type { CreateJob, JobQuery, JobsFacade } from '../engine/facade-jobs.ts';
import { allOf, isStorable } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import type { Pool } from './pool.ts';
import { withReply } from './replies.ts';
import { selectRunsAmong } from './run-list.ts';
import type { Fragment, Sql } from './sql.ts';

/** Adds the work on a job to the transaction that makes it; given by `jobs/`. */
export type AddBulkWork = (jobId: string) => { text: string; values: [string] } | null;

export interface JobRow {
  id: string;
  number: number;
  organization_id: number;
  action: JobAction;
  status: JobStatus;
  filter: JobFilter | null;
  hold: string | null;
  reason: string | null;
  rate_per_second: number | null;
  stop_on_error_share: number | null;
  caller: Caller;
  total: number;
  changed: number;
  skipped: number;
  failed: number;
  errors: JobError[];
  ended_by: Actor | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export const JOB_COLUMNS = `id, number, organization_id, action, status, filter, hold, reason, rate_per_second,
  stop_on_error_share, caller, total, changed, skipped, failed, errors, ended_by, created_at, started_at, finished_at`;

/** The statuses in which a run takes the command; a filter leaves the others out. */
const TAKES: Record<JobAction, readonly RunStatus[]> = {
  pause: ['queued', 'running', 'pausing', 'paused', 'waiting'],
  resume: ['pausing', 'paused'],
  cancel: ['queued', 'running', 'pausing', 'paused', 'waiting'],
  retry: ['failed'],
};

const SAMPLE = 10;

/** Bulk jobs: a command on many runs, one row for each run. */
export function createJobs(pool: Pool, addWork: AddBulkWork): JobsFacade {
  return {
    create: (caller, request, options) =>
      withReply(pool, options, (sql) => createJob(sql, caller, request, addWork)),
    preview: ({ organizationId }, request) => pool.read((sql) => previewJob(sql, organizationId, request)),
    get: ({ organizationId }, jobId) =>
      pool.read(async (sql) => jobFromRow(await readJob(sql, organizationId, jobId, sql``))),
    list: ({ organizationId }, query) => pool.read((sql) => listJobs(sql, organizationId, query)),
    cancel: (caller, jobId, options) => withReply(pool, options, (sql) => cancelJob(sql, caller, jobId)),
  };
}

function jobFromRow(row: JobRow): Job {
  return {
    id: row.id,
    action: row.action,
    status: row.status,
    // What came as JSON is JSON.
    filter: row.filter as JsonObject | null,
    hold: row.hold,
    reason: row.reason,
    ratePerSecond: row.rate_per_second,
    stopOnErrorShare: row.stop_on_error_share,
    total: row.total,
    done: row.changed + row.skipped + row.failed,
    changed: row.changed,
    skipped: row.skipped,
    failed: row.failed,
    errors: row.errors,
    createdBy: row.caller.actor,
    endedBy: row.ended_by,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

async function createJob(sql: Sql, caller: Caller, request: CreateJob, addWork: AddBulkWork): Promise<Job> {
  const id = `job_${randomBytes(12).toString('hex')}`;
  const { action, filter = null, hold = null, reason = null } = request;
  await sql`
    insert into jobs (id, organization_id, action, status, filter, hold, reason, rate_per_second,
      stop_on_error_share, caller, total)
    values (${id}, ${caller.organizationId}, ${action}, 'queued',
      ${filter === null ? null : JSON.stringify(filter)}::json, ${hold}, ${reason},
      ${request.ratePerSecond ?? null}, ${request.stopOnErrorShare ?? null}, ${JSON.stringify(caller)}::json, 0)`;
  const total = await insertItems(sql, id, caller.organizationId, request);
  await sql`
    update jobs set total = ${total}, status = ${total === 0 ? 'succeeded' : 'queued'},
      finished_at = case when ${total}::int = 0 then now() end
    where id = ${id}`;
  const work = total === 0 ? null : addWork(id);
  if (work !== null) await sql.unsafe(work.text, work.values);
  return jobFromRow(await readJob(sql, caller.organizationId, id, sql``));
}

/** One statement, whatever the number of runs. */
async function insertItems(
  sql: Sql,
  jobId: string,
  organizationId: number,
  request: CreateJob,
): Promise<number> {
  const chosen = chosenRuns(sql, organizationId, request);
  if (chosen === null) return 0;
  const inserted = await sql`
    insert into job_items (job_id, position, run_id)
    select ${jobId}, row_number() over (order by chosen.number), chosen.id from (${chosen}) chosen`;
  return inserted.count;
}

/** Id and place of the runs of a job. Ids are taken as they are: one that names nothing fails by itself. */
function chosenRuns(sql: Sql, organizationId: number, { action, filter, ids }: CreateJob): Fragment | null {
  if (ids === undefined) return selectRunsAmong(sql, organizationId, filter ?? {}, TAKES[action]);
  return sql`
    select given.id, min(given.number) as number
    from unnest(${ids}::uuid[]) with ordinality as given (id, number) group by given.id`;
}

async function previewJob(sql: Sql, organizationId: number, request: CreateJob): Promise<JobPreview> {
  const { action } = request;
  const chosen = chosenRuns(sql, organizationId, request);
  if (chosen === null) return { dryRun: true, action, total: 0, byStatus: {}, sample: [] };
  const counts = await sql<{ status: RunStatus; count: number }[]>`
    select s.status, count(*)::int as count from (${chosen}) chosen join run_state s on s.run_id = chosen.id
    where s.organization_id = ${organizationId} and s.status = any(${TAKES[action]}) group by s.status`;
  const sample = await sql<JobPreview['sample']>`
    select s.run_id as id, s.number, s.status, r.title
    from (select s.run_id, s.number, s.status from (${chosenRuns(sql, organizationId, request) ?? chosen}) chosen
      join run_state s on s.run_id = chosen.id
      where s.organization_id = ${organizationId} and s.status = any(${TAKES[action]})
      order by s.number desc limit ${SAMPLE}) s
    join runs r on r.id = s.run_id order by s.number desc`;
  return {
    dryRun: true,
    action,
    total: counts.reduce((sum, { count }) => sum + count, 0),
    byStatus: Object.fromEntries(counts.map(({ status, count }) => [status, count])),
    sample: [...sample],
  };
}

async function readJob(sql: Sql, organizationId: number, jobId: string, lock: Fragment): Promise<JobRow> {
  const [row] = isStorable(jobId)
    ? await sql<JobRow[]>`
        select ${sql.unsafe(JOB_COLUMNS)} from jobs
        where id = ${jobId} and organization_id = ${organizationId} ${lock}`
    : [];
  if (row === undefined) throw new EngineError('not_found', 'There is no such job');
  return row;
}

async function listJobs(sql: Sql, organizationId: number, query: JobQuery): Promise<Page<Job>> {
  const [after] = decodeCursor('jobs', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  const conditions = [sql`organization_id = ${organizationId}`];
  if (query.status !== undefined) conditions.push(sql`status = any(${query.status})`);
  if (query.action !== undefined) conditions.push(sql`action = any(${query.action})`);
  const place = after === undefined ? sql`` : sql`and number < ${after}`;
  const rows = await sql<JobRow[]>`
    select ${sql.unsafe(JOB_COLUMNS)} from jobs where ${allOf(sql, conditions)} ${place}
    order by number desc limit ${limit + 1} offset ${offsetOf(query)}`;
  return pageOf(rows, limit, { item: jobFromRow, cursor: (row) => encodeCursor('jobs', [row.number]) });
}

async function cancelJob(sql: Sql, caller: Caller, jobId: string): Promise<{ job: Job; changed: boolean }> {
  const row = await readJob(sql, caller.organizationId, jobId, sql`for update`);
  if (isFinalJobStatus(row.status)) return { job: jobFromRow(row), changed: false };
  await sql`
    update jobs set status = 'cancelled', finished_at = now(), ended_by = ${JSON.stringify(caller.actor)}::json
    where id = ${jobId}`;
  return { job: jobFromRow(await readJob(sql, caller.organizationId, jobId, sql``)), changed: true };
}
