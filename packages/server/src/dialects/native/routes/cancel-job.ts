import { cancelJobParamsSchema, cancelJobReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const cancelJob = defineOperation({
  operationId: 'cancelJob',
  method: 'POST',
  path: '/jobs/{jobId}/cancel',
  tag: 'Bulk jobs',
  role: 'operator',
  summary: 'Stop a bulk job',
  description: 'What it has done stays done; runs that it has not come to are left alone.',
  params: cancelJobParamsSchema,
  replies: { 200: { description: 'The job after it', schema: cancelJobReplySchema } },
  errors: ['not_found'],
  handle: ({ engine, caller, params, command }) =>
    command(
      (options) => engine.jobs.cancel(caller, params.jobId, options),
      ({ job, changed }) => ({ status: 200, body: { job, changed } }),
    ),
});
