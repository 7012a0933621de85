import {
  clientTokenParamsSchema,
  listClientFeedbackQuerySchema,
  listClientFeedbackReplySchema,
} from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listClientFeedback = defineOperation({
  operationId: 'listClientFeedback',
  method: 'GET',
  path: '/client-tokens/{clientTokenId}/feedback',
  tag: 'Client tokens',
  role: 'viewer',
  summary: 'List what visitors think',
  params: clientTokenParamsSchema,
  query: listClientFeedbackQuerySchema,
  replies: { 200: { description: 'A page of feedback', schema: listClientFeedbackReplySchema } },
  errors: ['not_found', 'cursor_expired'],
  handle: async ({ engine, caller, params, query }) => {
    const page = await engine.clients.feedback(caller, params.clientTokenId, {
      ...query,
      limit: query.limit ?? 20,
    });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
