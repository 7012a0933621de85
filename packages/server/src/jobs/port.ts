import type { Json, JsonObject } from '@fermata/protocol';

/**
 * The three things that the rest of the server asks of a job queue: add in the caller's transaction, work, release
 * a dead worker's jobs. Behind it stands Graphile Worker; another queue could take its place.
 */
export interface JobQueue extends AsyncDisposable {
  /**
   * The statement that adds `drive` jobs in the caller's transaction. Adding a job that is there already (the same
   * run and epoch) only sets its run-at anew; one that is running is not waited for. Null when there are none.
   */
  driveStatement(jobs: readonly DriveJob[]): SqlStatement | null;
  /** The same for background jobs. `onlyIf`: an SQL condition over `item`, the job as JSON with its `payload`. */
  addStatement(jobs: readonly NewJob[], onlyIf?: string): SqlStatement | null;
  /** Adds jobs in a transaction of their own. */
  add(jobs: readonly NewJob[]): Promise<void>;
  /** Takes and runs jobs until it is stopped; survives every failure of the database. */
  startWorker(options: WorkerOptions): JobWorker;
  /** Gives the jobs back that workers hold which are no longer alive. The attempt counts. */
  releaseWorkers(workerIds: readonly string[]): Promise<void>;
}

/** For `sql.unsafe(text, values)` in the caller's transaction; the rows are of no use. */
export interface SqlStatement {
  text: string;
  /** JSON text. */
  values: [string];
}

export interface DriveJob {
  runId: string;
  epoch: number;
  /** Claims in a row without a committed step, when the job was added: a suspect waits for its turn. */
  attempts: number;
  /** RFC 3339; null: now. */
  runAt: string | null;
}

/** A background job. Its task runs at least once: after a crash or a failure it is run again, later and later. */
export interface NewJob {
  task: string;
  payload: JsonObject;
  /** A job with the same key that has not begun is replaced. */
  key: string | null;
  /** RFC 3339; null: now. */
  runAt: string | null;
  /** 25 unless given. */
  maxAttempts?: number;
  /** A lower number is taken first; 0 unless given. */
  priority?: number;
}

/** The job has done its part, or is to be run again after a while without counting as failed. */
export type JobOutcome = { kind: 'done' } | { kind: 'again'; afterMs: number };

export interface JobContext {
  /** Aborts when the server shuts down and the job takes too long. */
  signal: AbortSignal;
  /** From 1. */
  attempt: number;
  maxAttempts: number;
}

/** A task's handler. A rejection is a failed attempt. */
export type JobTask = (payload: Json, context: JobContext) => Promise<JobOutcome | void>;

export interface WorkerOptions {
  /** `drive` jobs are taken only while there is room for a segment. */
  drive: { hasRoom(): boolean; run(job: DriveJob): Promise<JobOutcome> };
  /** Background tasks by name. */
  tasks: Readonly<Record<string, JobTask>>;
  /** Told the ids under which jobs will be locked, before the first is taken. Called again when they change. */
  onWorkerIds(workerIds: readonly string[]): Promise<void>;
  /** Jobs that run at the same time, `drive` included. */
  concurrentJobs?: number;
  /** How many of them may be background jobs, so that slow ones never keep runs from being driven. */
  backgroundJobs?: number;
  /** How often to look for jobs whose run-at has come; new ones are announced. */
  pollIntervalMs?: number;
}

export interface JobWorker extends AsyncDisposable {
  /** There is room again: look for `drive` jobs at once. */
  nudge(): void;
  /** Takes no more jobs, and waits for those that run; past the limit they are aborted and given back. */
  stop(limitMs: number): Promise<void>;
}
