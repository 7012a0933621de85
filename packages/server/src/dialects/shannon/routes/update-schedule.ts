import { z } from 'zod';
import { bodyObject } from '../body.ts';
import { defineRoute } from '../route.ts';
import { decodeScheduleChange, findSchedule } from '../schedule.ts';
import { openObject } from '../wire.ts';

export const updateSchedule = defineRoute({
  operationId: 'updateSchedule',
  method: 'PUT',
  path: '/api/v1/schedules/{id}',
  tag: 'Schedules',
  role: 'developer',
  summary: 'Change a schedule; what is absent stays',
  params: z.object({ id: z.string().describe('Schedule id, a UUID') }),
  body: z.looseObject({ clear_task_context: z.boolean().optional().describe('Empties the context') }),
  replies: { 200: { description: 'It is changed', schema: openObject } },
  errors: ['not_found'],
  handle: async (request) => {
    const view = await findSchedule(request);
    const patch = decodeScheduleChange(bodyObject(request.body), view);
    const { schedule } = await request.engine.schedules.update(request.caller, view.schedule.id, patch);
    return {
      status: 200,
      body: {
        success: true,
        message: 'Schedule updated successfully',
        ...(schedule.nextFireAt === null ? {} : { next_run_at: schedule.nextFireAt }),
      },
    };
  },
});
