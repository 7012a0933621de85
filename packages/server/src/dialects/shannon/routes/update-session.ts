import { z } from 'zod';
import { bodyObject } from '../body.ts';
import { defineRoute } from '../route.ts';
import { findSession, titleIn } from '../session.ts';
import { openObject } from '../wire.ts';

export const updateSession = defineRoute({
  operationId: 'updateSession',
  method: 'PATCH',
  path: '/api/v1/sessions/{id}',
  tag: 'Sessions',
  role: 'developer',
  summary: 'Give a session a title',
  params: z.object({ id: z.string().describe('Session id') }),
  body: z.looseObject({ title: z.string().describe('Up to 60 characters') }),
  replies: { 200: { description: 'Its new title', schema: openObject } },
  errors: ['not_found'],
  handle: async (request) => {
    const { id } = await findSession(request, request.params['id'] ?? '');
    const title = titleIn(bodyObject(request.body));
    await request.engine.sessions.update(request.caller, id, { title });
    return { status: 200, body: { session_id: id, title } };
  },
});
