import { getAgentParamsSchema, getAgentQuerySchema, getAgentReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getAgent = defineOperation({
  operationId: 'getAgent',
  method: 'GET',
  path: '/agents/{agentId}',
  tag: 'Agents',
  role: 'viewer',
  summary: 'Get a saved agent',
  params: getAgentParamsSchema,
  query: getAgentQuerySchema,
  replies: { 200: { description: 'The agent', schema: getAgentReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, query }) => ({
    status: 200,
    body: await engine.agents.get(caller, params.agentId, query.version),
  }),
});
