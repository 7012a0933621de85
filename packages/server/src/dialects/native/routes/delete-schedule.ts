import { scheduleParamsSchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const deleteSchedule = defineOperation({
  operationId: 'deleteSchedule',
  method: 'DELETE',
  path: '/schedules/{scheduleId}',
  tag: 'Schedules',
  role: 'developer',
  summary: 'Delete a schedule',
  description: 'Its runs stay.',
  params: scheduleParamsSchema,
  replies: { 204: { description: 'It is deleted' } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => {
    await engine.schedules.delete(caller, params.scheduleId);
    return { status: 204, body: null };
  },
});
