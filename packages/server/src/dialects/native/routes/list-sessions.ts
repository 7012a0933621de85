import { listSessionsQuerySchema, listSessionsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listSessions = defineOperation({
  operationId: 'listSessions',
  method: 'GET',
  path: '/sessions',
  tag: 'Sessions',
  role: 'viewer',
  summary: 'List sessions',
  query: listSessionsQuerySchema,
  replies: { 200: { description: 'A page of sessions', schema: listSessionsReplySchema } },
  errors: [],
  handle: async ({ engine, caller, query }) => {
    const page = await engine.sessions.list(caller, { ...query, limit: query.limit ?? 20 });
    const data = page.data.map(({ session }) => session);
    return { status: 200, body: { data, nextCursor: page.nextCursor } };
  },
});
