import { getRunParamsSchema, getRunReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getRun = defineOperation({
  operationId: 'getRun',
  method: 'GET',
  path: '/runs/{runId}',
  tag: 'Runs',
  role: 'viewer',
  summary: 'Get a run',
  params: getRunParamsSchema,
  replies: { 200: { description: 'The run', schema: getRunReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: await engine.runs.get(caller, params.runId),
  }),
});
