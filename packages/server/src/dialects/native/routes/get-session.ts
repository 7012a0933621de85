import { createSessionReplySchema, sessionParamsSchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getSession = defineOperation({
  operationId: 'getSession',
  method: 'GET',
  path: '/sessions/{sessionId}',
  tag: 'Sessions',
  role: 'viewer',
  summary: 'Get a session',
  description: 'Its runs are listRuns with `session`.',
  params: sessionParamsSchema,
  replies: { 200: { description: 'The session', schema: createSessionReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: (await engine.sessions.get(caller, params.sessionId)).session,
  }),
});
