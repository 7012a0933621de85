import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { scheduleIdIn, scheduleOr404 } from '../schedule.ts';
import { openObject, reasonBody } from '../wire.ts';

export const resumeSchedule = defineRoute({
  operationId: 'resumeSchedule',
  method: 'POST',
  path: '/api/v1/schedules/{id}/resume',
  tag: 'Schedules',
  role: 'developer',
  summary: 'Let a schedule go on; again is the same',
  params: z.object({ id: z.string().describe('Schedule id, a UUID') }),
  body: reasonBody,
  replies: { 200: { description: 'It goes on', schema: openObject } },
  errors: ['not_found'],
  isKeyed: true,
  handle: async (request) => {
    const id = scheduleIdIn(request.params['id'] ?? '');
    return scheduleOr404(
      request.command(
        (options) => request.engine.schedules.resume(request.caller, id, options),
        ({ schedule }) => ({
          status: 200,
          body: {
            success: true,
            message: 'Schedule resumed',
            ...(schedule.nextFireAt === null ? {} : { next_run_at: schedule.nextFireAt }),
          },
        }),
      ),
    );
  },
});
