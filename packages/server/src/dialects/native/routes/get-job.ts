import { setTimeout as delay } from 'node:timers/promises';
import {
  getJobParamsSchema,
  getJobReplySchema,
  isFinalJobStatus,
  jobSchema,
  type Job,
} from '@fermata/protocol';
import type { StreamEndReason } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { sseFrame } from '../../../http/sse.ts';
import { nativeStream } from '../frames.ts';

const LOOK_MS = 250;

export const getJob = defineOperation({
  operationId: 'getJob',
  method: 'GET',
  path: '/jobs/{jobId}',
  tag: 'Bulk jobs',
  role: 'viewer',
  summary: 'Get or watch a bulk job',
  description:
    'With `Accept: text/event-stream`: `event: job.progress` with the job, at once and as it gets on, some times a second at most; ends with `event: stream.end` when the job has ended.',
  params: getJobParamsSchema,
  replies: { 200: { description: 'The job, or its progress', schema: getJobReplySchema, stream: jobSchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, wantsStream, streamSignal }) => {
    const look = (): Promise<Job> => engine.jobs.get(caller, params.jobId);
    const job = await look();
    if (!wantsStream) return { status: 200, body: job };
    return { status: 200, stream: nativeStream(progress(job, look, streamSignal())) };
  },
});

async function* progress(
  first: Job,
  look: () => Promise<Job>,
  signal: AbortSignal,
): AsyncGenerator<readonly string[], StreamEndReason | null, void> {
  let sent = '';
  for (let job = first; ; job = await look()) {
    const frame = sseFrame('job.progress', job);
    if (frame !== sent) yield [frame];
    sent = frame;
    if (isFinalJobStatus(job.status)) return 'finished';
    await delay(LOOK_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return null;
  }
}
