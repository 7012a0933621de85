import { listKeysQuerySchema, listKeysReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listKeys = defineOperation({
  operationId: 'listKeys',
  method: 'GET',
  path: '/keys',
  tag: 'Identity',
  role: 'admin',
  summary: 'List keys',
  query: listKeysQuerySchema,
  replies: { 200: { description: 'A page of keys, without their secrets', schema: listKeysReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const page = await engine.identity.keys(caller, { ...query, limit: query.limit ?? 20 });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
