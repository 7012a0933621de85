import { createSessionBodySchema, createSessionReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const createSession = defineOperation({
  operationId: 'createSession',
  method: 'POST',
  path: '/sessions',
  tag: 'Sessions',
  role: 'developer',
  summary: 'Create a session',
  description: 'A run that names a new session makes it too; this is for giving it a title beforehand.',
  body: createSessionBodySchema,
  example: { key: 'customer-17', title: 'Customer 17' },
  replies: {
    201: { description: 'The session', schema: createSessionReplySchema },
    200: { description: 'The session that has this `key` already', schema: createSessionReplySchema },
  },
  errors: [],
  handle: async ({ engine, caller, body, basePath, command }) =>
    command(
      (options) => engine.sessions.create(caller, body, options),
      ({ session, created }) => ({
        status: created ? 201 : 200,
        body: session,
        headers: { location: `${basePath}/sessions/${session.id}` },
      }),
    ),
});
