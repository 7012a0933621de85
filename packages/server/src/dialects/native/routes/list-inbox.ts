import { listInboxQuerySchema, listInboxReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listInbox = defineOperation({
  operationId: 'listInbox',
  method: 'GET',
  path: '/inbox',
  tag: 'Inbox',
  role: 'viewer',
  summary: 'What needs somebody now',
  description:
    'Approvals, questions, calls in doubt and held runs, over all runs; the oldest first, or with `orderBy=deadline` those whose deadline is next. Snoozed ones are hidden unless asked for.',
  query: listInboxQuerySchema,
  replies: { 200: { description: 'A page of the inbox', schema: listInboxReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const { olderThan, ...rest } = query;
    const { data, nextCursor } = await engine.inbox.list(caller, {
      ...rest,
      standingBefore: olderThan,
      limit: query.limit ?? 20,
    });
    return { status: 200, body: { data, nextCursor } };
  },
});
