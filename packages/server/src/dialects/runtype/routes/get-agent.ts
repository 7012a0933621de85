import { runtypeOperation } from '../operation.ts';
import { agentReply } from '../saved-agent-reply.ts';
import { agentIdSchema, agentReplySchema } from '../wire-resources.ts';

export const getAgent = runtypeOperation({
  operationId: 'getAgent',
  method: 'GET',
  path: '/v1/agents/{id}',
  tag: 'Agents',
  role: 'viewer',
  summary: 'Get a saved agent',
  params: agentIdSchema,
  reply: agentReplySchema,
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: agentReply(caller, await engine.agents.get(caller, params.id)),
  }),
});
