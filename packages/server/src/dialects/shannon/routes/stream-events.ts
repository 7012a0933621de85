import { z } from 'zod';
import { WireError } from '../errors.ts';
import { readCursor } from '../cursor.ts';
import { defineRoute } from '../route.ts';
import { findTask } from '../task-id.ts';
import { openTaskStream, unknownTaskStream } from '../task-stream.ts';
import { checkId } from '../validate.ts';
import { eventSchema } from '../wire.ts';

export const streamEvents = defineRoute({
  operationId: 'streamTaskEvents',
  method: 'GET',
  path: '/api/v1/stream/sse',
  tag: 'Streams',
  role: 'viewer',
  summary: 'Stream a task as server-sent events',
  description:
    'The whole log, then live; it closes with `event: done`, `data: [DONE]`. `last_event_id` or the header `Last-Event-ID` go on after a frame, at any process.',
  query: z.object({
    workflow_id: z.string().describe('Task id'),
    types: z
      .string()
      .optional()
      .describe('Comma list of types, as they are called in the log or on the stream'),
    last_event_id: z.string().optional().describe('`id:` or `seq` of the last frame'),
    api_key: z.string().optional().describe('Key, for readers that cannot send headers'),
    token: z.string().optional().describe('The same'),
  }),
  replies: { 200: { description: 'The stream', stream: eventSchema } },
  takesQueryCredentials: true,
  handle: async (request) => {
    const { query, options } = request;
    const taskId = checkId(query.get('workflow_id'), 'Invalid or missing workflow_id');
    const after = readCursor(request.header('last-event-id'), query.get('last_event_id'));
    const headers = { 'keep-alive': 'timeout=65' };
    try {
      const run = await findTask(request, taskId);
      const signal = request.streamSignal();
      const stream = await openTaskStream({
        ...request,
        run,
        taskId,
        after,
        types: query.get('types'),
        signal,
      });
      return { status: 200, stream, headers };
    } catch (error) {
      if (!(error instanceof WireError) || error.status !== 404) throw error;
      return {
        status: 200,
        stream: unknownTaskStream(taskId, options.unknownTaskMs, request.streamSignal()),
        headers,
      };
    }
  },
});
