import type { CancelJobReply, Job, JobPreview, ListJobsQuery, createJobBodySchema } from '@fermata/protocol';
import { listOf } from './list-of.ts';
import type { PagedList } from './pages.ts';
import type { InputOf } from './request-body.ts';
import { followStream, parseFrame, type StreamOptions } from './stream.ts';
import type { CallOptions, Transport } from './transport.ts';

export type CreateJob = InputOf<typeof createJobBodySchema>;

/** Bulk jobs: a command on many runs. */
export interface JobsApi {
  /** By `filter` or by `ids`. */
  create(body: Omit<CreateJob, 'dryRun'>, options?: CallOptions): Promise<Job>;
  /** For which runs `create` would make the job; nothing is done. */
  preview(body: Omit<CreateJob, 'dryRun'>, options?: CallOptions): Promise<JobPreview>;
  /** Newest first. */
  list(query?: ListJobsQuery, options?: CallOptions): PagedList<Job>;
  get(jobId: string, options?: CallOptions): Promise<Job>;
  /** What it has done stays done. */
  cancel(jobId: string, options?: CallOptions): Promise<CancelJobReply>;
  /** The job as it gets on, until it has ended, across every cut. */
  watch(jobId: string, options?: StreamOptions): AsyncGenerator<Job, void, void>;
}

export function jobsApi(transport: Transport): JobsApi {
  const { json } = transport;
  const at = (jobId: string, rest = ''): string => `/jobs/${encodeURIComponent(jobId)}${rest}`;
  return {
    create: (body, options) => json({ ...options, method: 'POST', path: '/jobs', body }),
    preview: (body, options) =>
      json({ ...options, method: 'POST', path: '/jobs', body: { ...body, dryRun: true } }),
    list: listOf(json, '/jobs'),
    get: (jobId, options) => json({ ...options, method: 'GET', path: at(jobId) }),
    cancel: (jobId, options) => json({ ...options, method: 'POST', path: at(jobId, '/cancel') }),
    async *watch(jobId, options = {}) {
      const frames = followStream({
        ...options,
        retryTimes: transport.retryTimes,
        maxRetries: transport.maxRetries,
        open: (signal) => transport.stream({ method: 'GET', path: at(jobId), signal }),
      });
      for await (const frame of frames) {
        if (frame.event === 'job.progress') yield parseFrame<Job>(frame);
      }
    },
  };
}
