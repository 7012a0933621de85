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
import { z } from 'zod';
import type { Json } from '@fermata/protocol';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { DriveJob, JobOutcome, JobTask, JobWorker, NewJob, WorkerOptions } from './port.ts';
import { BACKGROUND_FLAG, DRIVE_FLAG, DRIVE_TASK } from './statement.ts';
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

const drivePayload = z.object({ runId: z.string(), epoch: z.number(), attempts: z.number() });

const RESTART_DELAYS_MS = [100, 500, 2000, 5000];

/**
 * Runs Graphile Worker, again and again.
 *
 * Its worker pool ends by itself when the outcome of a job cannot be written (the database is restarted); the jobs
 * that it held stay locked by its id for 4 hours. So each pool's locks are released before the next pool starts.
 *
 * Room: a worker asks `forbiddenFlags` before each look, and `drive` jobs carry a flag that is forbidden while
 * there is no room. They then stay in the queue, where any other process may take them; no attempt is counted and
 * nothing is locked or written. `nudge` wakes the workers when there is room again. Between look and start
 * another claim may take the last room; then the job is added again for a little later.
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
        const kill = setTimeout(() => void runner.kill('drain limit').catch(() => {}), limitMs);
        await runner.stop('drain').catch((error: unknown) => {
          this.#deps.logger.debug({ err: error }, 'job worker stopped with an error');
        });
        clearTimeout(kill);
      }
    }
    await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
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
    const flags: string[] = [];
    if (!this.#options.drive.hasRoom()) flags.push(DRIVE_FLAG);
    if (this.#background >= (this.#options.backgroundJobs ?? 6)) flags.push(BACKGROUND_FLAG);
    return flags.length === 0 ? null : flags;
  }

  #taskList(): TaskList {
    const tasks: TaskList = {
      [DRIVE_TASK]: (payload: unknown) => this.#counted(DRIVE_TASK, () => this.#drive(payload)),
    };
    for (const [name, task] of Object.entries(this.#options.tasks)) {
      tasks[name] = async (payload: unknown, helpers: JobHelpers) => {
        this.#background++;
        try {
          await this.#counted(name, () => this.#runTask(name, task, payload as Json, helpers));
        } finally {
          this.#background--;
        }
      };
    }
    return tasks;
  }

  async #counted(task: string, run: () => Promise<void>): Promise<void> {
    this.#deps.metrics.jobsRunning(++this.#running);
    try {
      await run();
    } catch (error) {
      this.#deps.metrics.jobFailed(task);
      throw error;
    } finally {
      this.#deps.metrics.jobsRunning(--this.#running);
    }
  }

  async #drive(payload: unknown): Promise<void> {
    const job = drivePayload.safeParse(payload);
    if (!job.success) {
      this.#deps.logger.error({ err: job.error }, 'a drive job that cannot be read is dropped');
      return;
    }
    const outcome = await this.#options.drive.run({ ...job.data, runAt: null });
    if (outcome.kind === 'again') await this.#deps.addDrive({ ...job.data, runAt: soon(outcome.afterMs) });
  }

  async #runTask(name: string, task: JobTask, payload: Json, helpers: JobHelpers): Promise<void> {
    const { job, abortSignal } = helpers;
    const context = { signal: abortSignal, attempt: job.attempts, maxAttempts: job.max_attempts };
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
