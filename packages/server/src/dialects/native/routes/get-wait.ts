import { getWaitParamsSchema, getWaitReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getWait = defineOperation({
  operationId: 'getWait',
  method: 'GET',
  path: '/waits/{waitId}',
  tag: 'Waits',
  role: 'viewer',
  summary: 'Get a wait',
  params: getWaitParamsSchema,
  replies: { 200: { description: 'The wait', schema: getWaitReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: await engine.waits.get(caller, params.waitId),
  }),
});
