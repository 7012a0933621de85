import { createJobBodySchema, createJobReplySchema, previewJobReplySchema } from '@fermata/protocol';
import { invalidRequest } from '../../../http/problem.ts';
import { defineOperation } from '../../../http/route.ts';

export const createJob = defineOperation({
  operationId: 'createJob',
  method: 'POST',
  path: '/jobs',
  tag: 'Bulk jobs',
  role: 'operator',
  summary: 'Give many runs a command',
  description:
    'Pauses, resumes, cancels or retries the runs that a filter matches now, or that are named by id. Each is given the ordinary command, once, also across crashes. A filter leaves out runs whose status does not take the command. With `dryRun` nothing is written.',
  body: createJobBodySchema,
  example: { action: 'resume', filter: { status: ['paused'], hold: ['budget'] }, ratePerSecond: 50 },
  replies: {
    200: {
      description: 'With `dryRun`: for which runs the job would be made',
      schema: previewJobReplySchema,
    },
    202: { description: 'The job', schema: createJobReplySchema },
  },
  errors: [],
  handle: async ({ engine, caller, body, basePath, command }) => {
    const { dryRun = false, ...request } = body;
    if ((body.filter === undefined) === (body.ids === undefined)) {
      throw invalidRequest([{ path: 'body', message: 'expected either filter or ids' }]);
    }
    if (body.hold !== undefined && body.action !== 'pause' && body.action !== 'resume') {
      throw invalidRequest([{ path: 'body.hold', message: `not for ${body.action}` }]);
    }
    if (dryRun) return { status: 200, body: await engine.jobs.preview(caller, request) };
    return command(
      (options) => engine.jobs.create(caller, request, options),
      (job) => ({ status: 202, body: job, headers: { location: `${basePath}/jobs/${job.id}` } }),
    );
  },
});
