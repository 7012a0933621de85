import { z } from 'zod';
import { reasonIn } from '../body.ts';
import { controlTask } from '../control.ts';
import { defineRoute } from '../route.ts';
import { controlReply, reasonBody } from '../wire.ts';

export const resumeTask = defineRoute({
  operationId: 'resumeTask',
  method: 'POST',
  path: '/api/v1/tasks/{id}/resume',
  tag: 'Control',
  role: 'operator',
  summary: 'Resume a task',
  params: z.object({ id: z.string().describe('Task id') }),
  body: reasonBody,
  replies: { 202: { description: 'It is in the log', schema: controlReply } },
  errors: ['not_found', 'invalid_transition'],
  isKeyed: true,
  handle: (request) =>
    controlTask(request, {
      verb: 'resume',
      unchanged: 'task is not paused',
      message: 'Resume signal sent',
      run: ({ id }, options) =>
        request.engine.runs.resume(request.caller, id, { reason: reasonIn(request.body) }, options),
    }),
});
