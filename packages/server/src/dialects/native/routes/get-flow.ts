import { getFlowParamsSchema, getFlowQuerySchema, getFlowReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getFlow = defineOperation({
  operationId: 'getFlow',
  method: 'GET',
  path: '/flows/{flowId}',
  tag: 'Flows',
  role: 'viewer',
  summary: 'Get a saved flow',
  params: getFlowParamsSchema,
  query: getFlowQuerySchema,
  replies: { 200: { description: 'The flow', schema: getFlowReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, query }) => ({
    status: 200,
    body: await engine.flows.get(caller, params.flowId, query.version),
  }),
});
