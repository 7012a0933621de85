import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import {
  run,
  type JobHelpers,
  type Runner,
  type TaskList,
  type WorkerEvents,
  type WorkerPool,
} from 'graphile-worker';
import type { Pool } from 'pg';
import type { Json } from '@fermata/protocol';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { DriveJob, JobOutcome, JobTask, JobWorker, NewJob, WorkerOptions } from './port.ts';
import { BACKGROUND_FLAG, DRIVE_FLAG, DRIVE_TASK, readDrivePayload } from './statement.ts';
import { Turnstile } from './turnstile.ts';
import { workerLogger } from './worker-log.ts';

export interface WorkerDeps {
  pool: Pool;
  logger: Logger;
  metrics: Metrics;
  /** Adds the job again in place of the one that runs. */
  addDrive(job: DriveJob): Promise<void>;
  add(job: NewJob): Promise<void>;
  releaseWorkers(workerIds: readonly string[]): Promise<void>;
}

const LONGEST_LOOK_MS = 15_000;
/** How long aborted tasks may take to end, ms. */
const ABORT_GRACE_MS = 1000;
const RESTART_DELAYS_MS = [100, 500, 2000, 5000];

/**
 * Runs Graphile Worker, again and again.
 *
 * Its worker pool ends by itself when the outcome of a job cannot be written (the database is restarted); the jobs
 * that it held stay locked by its id for 4 hours. So each pool's locks are released before the next pool starts.
 *
 * Room: a worker asks `forbiddenFlags` before each look, and `drive` jobs carry a flag that is forbidden while
 * there is no room. They then stay in the queue, where any other process may take them; no attempt is counted and
 * nothing is locked or written. `nudge` wakes the workers when there is room again. Workers look one after
 * another, each when it is known what the one before has found; else all of them could take the last room, or all
 * be taken by slow background jobs. A commit may still take the last room between look and start: then the job is
 * added again for a little later.
 */
export class GraphileJobWorker implements JobWorker {
  readonly #deps: WorkerDeps;
  readonly #options: WorkerOptions;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #runner: Runner | null = null;
  #workerPool: WorkerPool | null = null;
  /** Until the worker ids are known to others, no job may be taken. */
  #gate: Gate = openableGate();
  #looks = new Turnstile(LONGEST_LOOK_MS);
  readonly #aborting = new AbortController();
  #running = 0;
  #background = 0;

  constructor(deps: WorkerDeps, options: WorkerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#done = this.#supervise();
  }

  nudge(): void {
    if (this.#stopping.signal.aborted) return;
    try {
      this.#workerPool?.nudge(1);
    } catch {
      // It asserts that its worker has not just ended; then there is nothing to wake.
    }
  }

  async stop(limitMs: number): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort();
      this.#gate.open();
      const runner = this.#runner;
      if (runner !== null) {
        const abort = setTimeout(() => this.#aborting.abort(new Error('shutting down')), limitMs);
        const kill = setTimeout(() => void this.#kill(), limitMs + ABORT_GRACE_MS);
        await runner.stop('drain').catch((error: unknown) => {
          this.#deps.logger.debug({ err: error }, 'job worker stopped with an error');
        });
        clearTimeout(abort);
        clearTimeout(kill);
      }
    }
    await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
  }

  /** `runner.kill` does nothing once a graceful stop has begun. The jobs that run count as failed. */
  async #kill(): Promise<void> {
    try {
      await this.#workerPool?.forcefulShutdown('drain limit');
    } catch (error) {
      this.#deps.logger.debug({ err: error }, 'job worker stopped by force');
    }
  }

  async #supervise(): Promise<void> {
    for (let failures = 0; !this.#stopping.signal.aborted; failures++) {
      const startedAt = performance.now();
      try {
        await this.#runOnce();
      } catch (error) {
        this.#deps.logger.warn({ err: error }, 'the job worker cannot run now');
      }
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - startedAt > 60_000) failures = 0;
      const delayMs = RESTART_DELAYS_MS[Math.min(failures, RESTART_DELAYS_MS.length - 1)] ?? 5000;
      await delay(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  /** From the start of one worker pool to its end. */
  async #runOnce(): Promise<void> {
    const events: WorkerEvents = new EventEmitter();
    this.#gate = openableGate();
    const looks = (this.#looks = new Turnstile(LONGEST_LOOK_MS));
    events.on('worker:getJob:empty', () => looks.leave());
    events.on('worker:getJob:error', () => looks.leave());
    events.on('job:start', ({ job }) => {
      if (job.task_identifier !== DRIVE_TASK) this.#background++;
      this.#deps.metrics.jobsRunning(++this.#running);
      looks.leave();
    });
    events.on('job:complete', ({ job, error }) => {
      if (job.task_identifier !== DRIVE_TASK) this.#background--;
      this.#deps.metrics.jobsRunning(--this.#running);
      if (error !== null && error !== undefined) this.#deps.metrics.jobFailed(job.task_identifier);
    });
    let workerPool: WorkerPool | null = null;
    events.once('pool:create', (event) => {
      workerPool = event.workerPool;
      this.#workerPool = event.workerPool;
    });
    const runner = await run({
      pgPool: this.#deps.pool,
      taskList: this.#taskList(),
      parsedCronItems: [],
      noHandleSignals: true,
      forbiddenFlags: () => this.#forbiddenFlags(),
      logger: workerLogger(this.#deps.logger),
      events,
      preset: {
        worker: {
          concurrentJobs: this.#options.concurrentJobs ?? 10,
          pollInterval: this.#options.pollIntervalMs ?? 2000,
          // Not batched, an outcome that cannot be written is a rejection that nobody handles.
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    });
    this.#runner = runner;
    const ended = runner.promise.catch((error: unknown) => {
      this.#deps.logger.warn({ err: error }, 'the job worker has ended');
    });
    const workerIds = workerPool === null ? [] : [(workerPool as WorkerPool).id];
    try {
      await this.#announce(workerIds);
    } finally {
      this.#gate.open();
      if (this.#stopping.signal.aborted) await runner.stop('drain').catch(() => {});
      await ended;
      this.#runner = null;
      this.#workerPool = null;
      if (!this.#stopping.signal.aborted) await this.#releaseOwn(workerIds);
    }
  }

  /** Others release our locks after our death by these ids, so they are written before a job is locked. */
  async #announce(workerIds: readonly string[]): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#options.onWorkerIds(workerIds);
        return;
      } catch (error) {
        this.#deps.logger.warn({ err: error }, 'the worker ids cannot be written now');
        await delay(1000, undefined, { signal: this.#stopping.signal }).catch(() => {});
      }
    }
  }

  async #releaseOwn(workerIds: readonly string[]): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#deps.releaseWorkers(workerIds);
        return;
      } catch {
        await delay(1000, undefined, { signal: this.#stopping.signal }).catch(() => {});
      }
    }
  }

  async #forbiddenFlags(): Promise<string[] | null> {
    await this.#gate.passed;
    await this.#looks.enter();
    const flags: string[] = [];
    if (!this.#options.drive.hasRoom()) flags.push(DRIVE_FLAG);
    if (this.#background >= (this.#options.backgroundJobs ?? 6)) flags.push(BACKGROUND_FLAG);
    return flags.length === 0 ? null : flags;
  }

  #taskList(): TaskList {
    const tasks: TaskList = { [DRIVE_TASK]: (payload: unknown) => this.#drive(payload) };
    for (const [name, task] of Object.entries(this.#options.tasks)) {
      tasks[name] = (payload: unknown, helpers: JobHelpers) =>
        this.#runTask(name, task, payload as Json, helpers);
    }
    return tasks;
  }

  async #drive(payload: unknown): Promise<void> {
    const job = readDrivePayload(payload);
    if (job === null) {
      this.#deps.logger.error('a drive job that cannot be read is dropped');
      return;
    }
    const outcome = await this.#options.drive.run({ ...job, runAt: null });
    if (outcome.kind === 'again') await this.#deps.addDrive({ ...job, runAt: soon(outcome.afterMs) });
  }

  async #runTask(name: string, task: JobTask, payload: Json, helpers: JobHelpers): Promise<void> {
    const { job, abortSignal } = helpers;
    const signal = AbortSignal.any([abortSignal, this.#aborting.signal]);
    const context = { signal, attempt: job.attempts, maxAttempts: job.max_attempts };
    const outcome: JobOutcome | void = await task(payload, context);
    if (outcome === undefined || outcome.kind === 'done') return;
    const { key, max_attempts: maxAttempts, priority } = job;
    const runAt = soon(outcome.afterMs);
    await this.#deps.add({
      task: name,
      payload: payload as NewJob['payload'],
      key,
      runAt,
      maxAttempts,
      priority,
    });
  }
}

function soon(afterMs: number): string {
  return new Date(Date.now() + afterMs).toISOString();
}

interface Gate {
  passed: Promise<void>;
  open: () => void;
}

function openableGate(): Gate {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
