import { sessionParamsSchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const deleteSession = defineOperation({
  operationId: 'deleteSession',
  method: 'DELETE',
  path: '/sessions/{sessionId}',
  tag: 'Sessions',
  role: 'developer',
  summary: 'Delete a session',
  description: 'Its runs stay. A later run under its id or key begins a new conversation.',
  params: sessionParamsSchema,
  replies: { 204: { description: 'It is deleted' } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => {
    await engine.sessions.delete(caller, params.sessionId);
    return { status: 204, body: null };
  },
});
