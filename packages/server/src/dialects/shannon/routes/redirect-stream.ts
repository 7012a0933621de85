import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { findTask, taskIdOf } from '../task-id.ts';
import { checkId } from '../validate.ts';

export const redirectStream = defineRoute({
  operationId: 'redirectTaskStream',
  method: 'GET',
  path: '/api/v1/tasks/{id}/stream',
  tag: 'Streams',
  role: 'viewer',
  summary: 'Go to the stream of a task',
  params: z.object({ id: z.string().describe('Task id') }),
  query: z.object({ types: z.string().optional(), last_event_id: z.string().optional() }),
  replies: { 307: { description: 'Location of the stream; send the key again' } },
  errors: ['not_found'],
  handle: async (request) => {
    const run = await findTask(request, checkId(request.params['id'], 'Invalid task ID format'));
    const query = new URLSearchParams({ workflow_id: taskIdOf(run) });
    for (const name of ['types', 'last_event_id']) {
      const value = request.query.get(name);
      if (value !== null) query.set(name, value);
    }
    const location = `${request.basePath}/api/v1/stream/sse?${query.toString()}`;
    return { status: 307, body: null, headers: { location } };
  },
});
