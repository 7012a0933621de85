import type { JobError, JobStatus } from '@fermata/protocol';
import type { JobItem, JobOutcomes, JobSlice, JobWork } from '../engine/facade-jobs.ts';
import { JOB_COLUMNS, type JobRow } from './jobs.ts';
import type { Pool } from './pool.ts';
import type { Sql } from './sql.ts';

/** How much of its rate a job that was held up may catch up on at once, seconds. */
const CATCH_UP_SECONDS = 0.5;
/** Shorter waits would make slices too small to share a commit. */
const SHORTEST_WAIT_MS = 50;
/** A share of fewer says little. */
const ERROR_SHARE_FROM = 20;
const MAX_ERRORS = 10;

interface WorkRow extends JobRow {
  tokens: number;
  tokens_at: number;
  /** Seconds since 1970. */
  now: number;
}

/**
 * Working bulk jobs. The job's row is the lock: a slice is taken and settled in a transaction of its own, by the worker
 * that began last alone. What a slice has done before a crash is done again under the same key and counted once.
 */
export function createJobWork(pool: Pool): JobWork {
  return {
    async begin(jobId, worker) {
      await pool.transaction(
        (sql) => sql`
          update jobs set worker = ${worker}, status = 'running', started_at = coalesce(started_at, now()),
            tokens = case when status = 'queued' then 1 else tokens end,
            tokens_at = case when status = 'queued' then ${epoch(sql)} else tokens_at end
          where id = ${jobId} and status in ('queued', 'running')`,
      );
    },
    take: (jobId, worker, most) => pool.transaction((sql) => takeSlice(sql, jobId, worker, most)),
    settle: (jobId, worker, outcomes) => pool.transaction((sql) => settleSlice(sql, jobId, worker, outcomes)),
  };
}

function epoch(sql: Sql): ReturnType<Sql['unsafe']> {
  return sql.unsafe('extract(epoch from clock_timestamp())::float8');
}

async function lockJob(sql: Sql, jobId: string, worker: string): Promise<WorkRow | undefined> {
  const [row] = await sql<WorkRow[]>`
    select ${sql.unsafe(JOB_COLUMNS)}, tokens, tokens_at, ${epoch(sql)} as now from jobs
    where id = ${jobId} and worker = ${worker} for update`;
  return row;
}

async function takeSlice(sql: Sql, jobId: string, worker: string, most: number): Promise<JobSlice> {
  const job = await lockJob(sql, jobId, worker);
  if (job?.status !== 'running') return { kind: 'over' };
  const rate = job.rate_per_second;
  const tokens = rate === null ? most : refilled(job, rate);
  const count = Math.min(most, Math.floor(tokens));
  if (rate !== null && count < 1) {
    return { kind: 'wait', ms: Math.max(SHORTEST_WAIT_MS, Math.ceil(((1 - tokens) / rate) * 1000)) };
  }
  const rows = await sql<{ position: number; run_id: string }[]>`
    select position, run_id from job_items where job_id = ${jobId} and outcome is null
    order by position limit ${count}`;
  if (rate !== null) {
    await sql`update jobs set tokens = ${tokens - rows.length}, tokens_at = ${job.now} where id = ${jobId}`;
  }
  const items = rows.map((row): JobItem => ({ position: row.position, runId: row.run_id }));
  const { id, action, hold, reason, caller, filter } = job;
  return { kind: 'items', job: { id, action, hold, reason, caller, isByIds: filter === null }, items };
}

/** The bucket holds a little more than nothing, so that no stall is followed by a flood. */
function refilled({ tokens, tokens_at, now }: WorkRow, rate: number): number {
  return Math.min(Math.max(1, rate * CATCH_UP_SECONDS), tokens + Math.max(0, now - tokens_at) * rate);
}

async function settleSlice(
  sql: Sql,
  jobId: string,
  worker: string,
  { changed, skipped, failed }: JobOutcomes,
): Promise<void> {
  const job = await lockJob(sql, jobId, worker);
  if (job === undefined) return;
  const outcomes = [
    ...changed.map((position) => [position, 'changed'] as const),
    ...skipped.map((position) => [position, 'skipped'] as const),
    ...failed.map(({ position }) => [position, 'failed'] as const),
  ];
  await sql`
    update job_items set outcome = u.outcome
    from unnest(${outcomes.map(([position]) => position)}::int[], ${outcomes.map(([, outcome]) => outcome)}::text[])
      as u (position, outcome)
    where job_items.job_id = ${jobId} and job_items.position = u.position`;
  const counts = {
    changed: job.changed + changed.length,
    skipped: job.skipped + skipped.length,
    failed: job.failed + failed.length,
  };
  const errors: JobError[] = [...job.errors, ...failed.map(({ error }) => error)].slice(0, MAX_ERRORS);
  const status = statusAfter(job, counts);
  await sql`
    update jobs set changed = ${counts.changed}, skipped = ${counts.skipped}, failed = ${counts.failed},
      errors = ${JSON.stringify(errors)}::json, status = ${status},
      finished_at = case when ${status !== 'running'}::boolean then coalesce(finished_at, now()) end
    where id = ${jobId}`;
}

function statusAfter(job: WorkRow, counts: { changed: number; skipped: number; failed: number }): JobStatus {
  if (job.status !== 'running') return job.status;
  const done = counts.changed + counts.skipped + counts.failed;
  const share = job.stop_on_error_share;
  const isSpoilt = share !== null && counts.failed > share * done;
  if (isSpoilt && done >= Math.min(ERROR_SHARE_FROM, job.total)) return 'failed';
  return done >= job.total ? 'succeeded' : 'running';
}
