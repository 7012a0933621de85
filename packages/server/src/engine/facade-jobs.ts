import type { Job, JobAction, JobError, JobFilter, JobPreview, JobStatus } from '@fermata/protocol';
import type { Caller, CommandOptions, Page, PageQuery } from './caller.ts';

/** A command on many runs, by filter or by ids: one of the two. */
export interface CreateJob {
  action: JobAction;
  filter?: JobFilter | undefined;
  ids?: string[] | undefined;
  hold?: string | undefined;
  reason?: string | undefined;
  ratePerSecond?: number | undefined;
  stopOnErrorShare?: number | undefined;
}

export interface JobQuery extends PageQuery {
  status?: JobStatus[] | undefined;
  action?: JobAction[] | undefined;
}

export interface JobsFacade {
  /** Writes the job, its items and the work on them, in one transaction. */
  create(caller: Caller, request: CreateJob, options?: CommandOptions): Promise<Job>;
  /** What `create` would be made for; nothing is written. */
  preview(caller: Caller, request: CreateJob): Promise<JobPreview>;
  get(caller: Caller, jobId: string): Promise<Job>;
  list(caller: Caller, query: JobQuery): Promise<Page<Job>>;
  /** What it has done stays done. `changed` is false when it had ended already. */
  cancel(caller: Caller, jobId: string, options?: CommandOptions): Promise<{ job: Job; changed: boolean }>;
}

/** What the worker of a job may take now. */
export type JobSlice =
  | { kind: 'items'; job: WorkedJob; items: JobItem[] }
  /** The rate allows nothing yet. */
  | { kind: 'wait'; ms: number }
  /** It has ended, was taken over by another worker, or is gone. */
  | { kind: 'over' };

export interface WorkedJob {
  id: string;
  action: JobAction;
  hold: string | null;
  reason: string | null;
  /** Runs were named by id: one that refuses has failed, whatever the cause. */
  isByIds: boolean;
  /** Who asked for it. */
  caller: Caller;
}

export interface JobItem {
  position: number;
  runId: string;
}

export interface JobOutcomes {
  changed: number[];
  skipped: number[];
  failed: { position: number; error: JobError }[];
}

/** The store's side of working a job. `worker` is whoever began last: what an earlier one still does is not counted. */
export interface JobWork {
  begin(jobId: string, worker: string): Promise<void>;
  /** At most `most` items, taken out of the token bucket. */
  take(jobId: string, worker: string, most: number): Promise<JobSlice>;
  /** Counts what was done; ends the job with its last item, or when too many have failed. */
  settle(jobId: string, worker: string, outcomes: JobOutcomes): Promise<void>;
}
