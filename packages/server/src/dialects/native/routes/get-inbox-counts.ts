import { getInboxCountsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getInboxCounts = defineOperation({
  operationId: 'getInboxCounts',
  method: 'GET',
  path: '/inbox/counts',
  tag: 'Inbox',
  role: 'viewer',
  summary: 'How much needs somebody now',
  replies: {
    200: { description: 'Counts by kind, hold and assignee', schema: getInboxCountsReplySchema },
  },
  errors: [],
  handle: async ({ engine, caller }) => ({ status: 200, body: await engine.inbox.counts(caller) }),
});
