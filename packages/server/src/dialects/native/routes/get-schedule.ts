import { createScheduleReplySchema, scheduleParamsSchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getSchedule = defineOperation({
  operationId: 'getSchedule',
  method: 'GET',
  path: '/schedules/{scheduleId}',
  tag: 'Schedules',
  role: 'viewer',
  summary: 'Get a schedule',
  params: scheduleParamsSchema,
  replies: { 200: { description: 'The schedule', schema: createScheduleReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: (await engine.schedules.get(caller, params.scheduleId)).schedule,
  }),
});
