import { listFlowsQuerySchema, listFlowsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listFlows = defineOperation({
  operationId: 'listFlows',
  method: 'GET',
  path: '/flows',
  tag: 'Flows',
  role: 'viewer',
  summary: 'List saved flows',
  query: listFlowsQuerySchema,
  replies: { 200: { description: 'A page of flows', schema: listFlowsReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const page = await engine.flows.list(caller, { ...query, limit: query.limit ?? 20 });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
