import { z } from 'zod';
import { WireError } from '../errors.ts';
import { defineRoute } from '../route.ts';
import { findSession } from '../session.ts';

export const deleteSession = defineRoute({
  operationId: 'deleteSession',
  method: 'DELETE',
  path: '/api/v1/sessions/{id}',
  tag: 'Sessions',
  role: 'developer',
  summary: 'Delete a session; again is the same',
  params: z.object({ id: z.string().describe('Session id') }),
  replies: { 204: { description: 'It is gone' } },
  handle: async (request) => {
    try {
      const { id } = await findSession(request, request.params['id'] ?? '');
      await request.engine.sessions.delete(request.caller, id);
    } catch (error) {
      // One that is not there is deleted already; what others have is not told.
      if (!(error instanceof WireError) || error.status !== 404) throw error;
    }
    return { status: 204, body: null };
  },
});
