import { listWaitsQuerySchema, listWaitsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listWaits = defineOperation({
  operationId: 'listWaits',
  method: 'GET',
  path: '/waits',
  tag: 'Waits',
  role: 'viewer',
  summary: 'List waits',
  description:
    'What runs need from outside; the open ones unless `state` says otherwise. Oldest first unless `order=desc`.',
  query: listWaitsQuerySchema,
  replies: { 200: { description: 'A page of waits', schema: listWaitsReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const { olderThan, ...rest } = query;
    const page = await engine.waits.list(caller, {
      ...rest,
      state: query.state ?? ['open'],
      openedBefore: olderThan,
      limit: query.limit ?? 20,
    });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
