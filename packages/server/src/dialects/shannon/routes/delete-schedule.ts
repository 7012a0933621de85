import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { scheduleIdIn, scheduleOr404 } from '../schedule.ts';
import { openObject } from '../wire.ts';

export const deleteSchedule = defineRoute({
  operationId: 'deleteSchedule',
  method: 'DELETE',
  path: '/api/v1/schedules/{id}',
  tag: 'Schedules',
  role: 'developer',
  summary: 'Delete a schedule; its tasks stay',
  params: z.object({ id: z.string().describe('Schedule id, a UUID') }),
  replies: { 200: { description: 'It is gone', schema: openObject } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => {
    await scheduleOr404(engine.schedules.delete(caller, scheduleIdIn(params['id'] ?? '')));
    return { status: 200, body: { success: true, message: 'Schedule deleted successfully' } };
  },
});
