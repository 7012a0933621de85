import { sessionParamsSchema, updateSessionBodySchema, updateSessionReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const updateSession = defineOperation({
  operationId: 'updateSession',
  method: 'PATCH',
  path: '/sessions/{sessionId}',
  tag: 'Sessions',
  role: 'developer',
  summary: 'Change a session',
  params: sessionParamsSchema,
  body: updateSessionBodySchema,
  example: { title: 'Customer 17' },
  replies: { 200: { description: 'The session after it', schema: updateSessionReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, body, command }) =>
    command(
      (options) => engine.sessions.update(caller, params.sessionId, body, options),
      (session) => ({ status: 200, body: session }),
    ),
});
