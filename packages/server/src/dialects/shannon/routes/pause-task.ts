import { z } from 'zod';
import { reasonIn } from '../body.ts';
import { controlTask } from '../control.ts';
import { defineRoute } from '../route.ts';
import { controlReply, reasonBody } from '../wire.ts';

export const pauseTask = defineRoute({
  operationId: 'pauseTask',
  method: 'POST',
  path: '/api/v1/tasks/{id}/pause',
  tag: 'Control',
  role: 'operator',
  summary: 'Pause a task',
  params: z.object({ id: z.string().describe('Task id') }),
  body: reasonBody,
  replies: { 202: { description: 'It is in the log', schema: controlReply } },
  errors: ['not_found', 'invalid_transition'],
  isKeyed: true,
  handle: (request) =>
    controlTask(request, {
      verb: 'pause',
      unchanged: 'task is already paused',
      message: 'Pause signal sent',
      run: ({ id }, options) =>
        request.engine.runs.pause(request.caller, id, { reason: reasonIn(request.body) }, options),
    }),
});
