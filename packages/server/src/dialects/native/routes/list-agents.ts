import { listAgentsQuerySchema, listAgentsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listAgents = defineOperation({
  operationId: 'listAgents',
  method: 'GET',
  path: '/agents',
  tag: 'Agents',
  role: 'viewer',
  summary: 'List saved agents',
  query: listAgentsQuerySchema,
  replies: { 200: { description: 'A page of agents', schema: listAgentsReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const page = await engine.agents.list(caller, { ...query, limit: query.limit ?? 20 });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
