import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CommandOptions } from '../engine/caller.ts';
import { EngineError, ReplayedReply } from '../engine/errors.ts';
import type { Changed, RunsFacade } from '../engine/facade.ts';
import type { JobItem, JobOutcomes, JobWork, WorkedJob } from '../engine/facade-jobs.ts';
import { crashPoint } from '../observe/crash-point.ts';
import type { Logger } from '../observe/log.ts';
import type { JobOutcome, JobTask, NewJob } from './port.ts';

export const BULK_TASK = 'bulk';

/** The work on a bulk job, as a job of the queue. */
export function bulkWork(jobId: string): NewJob {
  return { task: BULK_TASK, payload: { jobId }, key: `bulk:${jobId}`, runAt: null };
}

export interface BulkTaskDeps {
  work: JobWork;
  runs: Pick<RunsFacade, 'pause' | 'resume' | 'cancel' | 'retry'>;
  /** Fires when the process is about to stop: another one goes on. */
  draining: AbortSignal;
  logger: Pick<Logger, 'error'>;
  /** How long one go may take, ms: then others get their turn. */
  goMs?: number;
}

const SLICE = 100;
const GO_MS = 60_000;
/** A longer wait is not waited for in the worker's slot, ms. */
const LONGEST_WAIT_MS = 2_000;
const UNAVAILABLE_MS = 1_000;
const COMMAND_MS = 10_000;

/** Bulk jobs: each run is given an ordinary command of whoever made the job, under the key `job:run`. */
export function createBulkTask(deps: BulkTaskDeps): JobTask {
  const { work, draining, goMs = GO_MS } = deps;
  return async (payload, context): Promise<JobOutcome> => {
    const jobId = jobIdOf(payload);
    if (jobId === null) return { kind: 'done' };
    const worker = randomUUID();
    const stop = AbortSignal.any([context.signal, draining]);
    const until = performance.now() + goMs;
    try {
      await work.begin(jobId, worker);
      while (!stop.aborted && performance.now() < until) {
        const slice = await work.take(jobId, worker, SLICE);
        if (slice.kind === 'over') return { kind: 'done' };
        if (slice.kind === 'wait') {
          if (slice.ms > LONGEST_WAIT_MS) return { kind: 'again', afterMs: slice.ms };
          await delay(slice.ms, undefined, { signal: stop }).catch(() => {});
          continue;
        }
        crashPoint('before-bulk-slice');
        const { outcomes, isUnavailable } = await workSlice(deps, slice.job, slice.items);
        crashPoint('before-bulk-settle');
        await work.settle(jobId, worker, outcomes);
        if (isUnavailable) await delay(UNAVAILABLE_MS, undefined, { signal: stop }).catch(() => {});
      }
    } catch (error) {
      if (!isUnavailableError(error)) throw error;
      return { kind: 'again', afterMs: UNAVAILABLE_MS };
    }
    return { kind: 'again', afterMs: 0 };
  };
}

function jobIdOf(payload: unknown): string | null {
  const jobId =
    typeof payload === 'object' && payload !== null && 'jobId' in payload ? payload.jobId : undefined;
  return typeof jobId === 'string' ? jobId : null;
}

/** All at once: they share a commit. What could not be tried now is left for the next slice. */
async function workSlice(
  deps: BulkTaskDeps,
  job: WorkedJob,
  items: readonly JobItem[],
): Promise<{ outcomes: JobOutcomes; isUnavailable: boolean }> {
  const outcomes: JobOutcomes = { changed: [], skipped: [], failed: [] };
  let isUnavailable = false;
  await Promise.all(
    items.map(async ({ position, runId }) => {
      try {
        outcomes[(await command(deps, job, runId)) ? 'changed' : 'skipped'].push(position);
      } catch (error) {
        if (isUnavailableError(error)) {
          isUnavailable = true;
        } else if (hasMovedOn(error, job)) {
          outcomes.skipped.push(position);
        } else {
          outcomes.failed.push({ position, error: { runId, ...shownError(deps, error, runId) } });
        }
      }
    }),
  );
  return { outcomes, isUnavailable };
}

function shownError(
  { logger }: BulkTaskDeps,
  error: unknown,
  runId: string,
): { code: string; message: string } {
  if (error instanceof EngineError && error.code !== 'internal')
    return { code: error.code, message: error.message };
  logger.error({ err: error, runId }, 'a command of a bulk job failed');
  return { code: 'internal', message: 'Something went wrong in the server' };
}

/** Whether the command took effect; also when it did so in a go that did not come to count it. */
async function command(deps: BulkTaskDeps, job: WorkedJob, runId: string): Promise<boolean> {
  try {
    return (await give(deps, job, runId, keyedOptions(job, runId))).changed;
  } catch (error) {
    if (!(error instanceof ReplayedReply)) throw error;
    return (JSON.parse(error.reply.body) as { changed: boolean }).changed;
  }
}

function give(
  { runs }: BulkTaskDeps,
  { id, action, hold, reason, caller }: WorkedJob,
  runId: string,
  options: CommandOptions,
): Promise<Changed> {
  const why = reason === null ? `bulk job ${id}` : `${reason} (bulk job ${id})`;
  switch (action) {
    case 'pause':
      return runs.pause(caller, runId, { reason: why, ...(hold === null ? {} : { hold }) }, options);
    case 'resume':
      return runs.resume(caller, runId, { reason: why, ...(hold === null ? {} : { hold }) }, options);
    case 'cancel':
      return runs.cancel(caller, runId, { reason: why }, options);
    case 'retry':
      return runs.retry(caller, runId, { reason: why }, options);
  }
}

function keyedOptions({ id, action }: WorkedJob, runId: string): CommandOptions {
  return {
    deadlineAt: Date.now() + COMMAND_MS,
    idempotency: {
      scope: sha256(`job:${id}:${runId}`),
      fingerprint: sha256(action),
      // The engine hands back what the very command returns.
      encode: (result) => ({ status: 200, body: JSON.stringify({ changed: (result as Changed).changed }) }),
    },
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function isUnavailableError(error: unknown): boolean {
  return (
    error instanceof EngineError && (error.code === 'unavailable' || error.code === 'idempotency_in_flight')
  );
}

/** A run that a filter chose may end before its turn comes: that is nobody's fault. */
function hasMovedOn(error: unknown, { isByIds }: WorkedJob): boolean {
  return !isByIds && error instanceof EngineError && error.code === 'invalid_transition';
}
