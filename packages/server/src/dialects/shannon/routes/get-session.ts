import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { findSessionView, sessionJson } from '../session.ts';
import { openObject } from '../wire.ts';

export const getSession = defineRoute({
  operationId: 'getSession',
  method: 'GET',
  path: '/api/v1/sessions/{id}',
  tag: 'Sessions',
  role: 'viewer',
  summary: 'Get a session, by its UUID or your own id',
  params: z.object({ id: z.string().describe('Session id') }),
  replies: { 200: { description: 'The session', schema: openObject } },
  errors: ['not_found'],
  handle: async (request) => ({
    status: 200,
    body: sessionJson(await findSessionView(request, request.params['id'] ?? '')),
  }),
});
