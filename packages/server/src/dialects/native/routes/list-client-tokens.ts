import { listClientTokensQuerySchema, listClientTokensReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listClientTokens = defineOperation({
  operationId: 'listClientTokens',
  method: 'GET',
  path: '/client-tokens',
  tag: 'Client tokens',
  role: 'admin',
  summary: 'List client tokens',
  query: listClientTokensQuerySchema,
  replies: { 200: { description: 'A page of client tokens', schema: listClientTokensReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const page = await engine.clients.tokens(caller, { ...query, limit: query.limit ?? 20 });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
