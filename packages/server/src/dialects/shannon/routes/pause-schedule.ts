import { z } from 'zod';
import { reasonIn } from '../body.ts';
import { defineRoute } from '../route.ts';
import { scheduleIdIn, scheduleOr404 } from '../schedule.ts';
import { openObject, reasonBody } from '../wire.ts';

export const pauseSchedule = defineRoute({
  operationId: 'pauseSchedule',
  method: 'POST',
  path: '/api/v1/schedules/{id}/pause',
  tag: 'Schedules',
  role: 'developer',
  summary: 'Pause a schedule; again is the same',
  params: z.object({ id: z.string().describe('Schedule id, a UUID') }),
  body: reasonBody,
  replies: { 200: { description: 'It is paused', schema: openObject } },
  errors: ['not_found'],
  isKeyed: true,
  handle: async (request) => {
    const id = scheduleIdIn(request.params['id'] ?? '');
    const reason = reasonIn(request.body) ?? null;
    return scheduleOr404(
      request.command(
        (options) => request.engine.schedules.pause(request.caller, id, reason, options),
        () => ({ status: 200, body: { success: true, message: 'Schedule paused' } }),
      ),
    );
  },
});
