import {
  listMessagesParamsSchema,
  listMessagesQuerySchema,
  listMessagesReplySchema,
} from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listMessages = defineOperation({
  operationId: 'listMessages',
  method: 'GET',
  path: '/runs/{runId}/messages',
  tag: 'Runs',
  role: 'viewer',
  summary: 'List the messages of a run',
  description: 'The conversation folded from the log, each tool call with its state and result.',
  params: listMessagesParamsSchema,
  query: listMessagesQuerySchema,
  replies: { 200: { description: 'A page of messages', schema: listMessagesReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, query }) => {
    const page = await engine.runs.messages(caller, params.runId, { ...query, limit: query.limit ?? 20 });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
