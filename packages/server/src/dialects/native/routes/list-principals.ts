import { listPrincipalsQuerySchema, listPrincipalsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listPrincipals = defineOperation({
  operationId: 'listPrincipals',
  method: 'GET',
  path: '/principals',
  tag: 'Identity',
  role: 'admin',
  summary: 'List principals',
  query: listPrincipalsQuerySchema,
  replies: { 200: { description: 'A page of principals', schema: listPrincipalsReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const page = await engine.identity.principals(caller, { ...query, limit: query.limit ?? 20 });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
