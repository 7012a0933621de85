import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { findSchedule, scheduleJson } from '../schedule.ts';
import { openObject } from '../wire.ts';

export const getSchedule = defineRoute({
  operationId: 'getSchedule',
  method: 'GET',
  path: '/api/v1/schedules/{id}',
  tag: 'Schedules',
  role: 'viewer',
  summary: 'Get a schedule',
  params: z.object({ id: z.string().describe('Schedule id, a UUID') }),
  replies: { 200: { description: 'The schedule', schema: openObject } },
  errors: ['not_found'],
  handle: async (request) => ({ status: 200, body: scheduleJson(await findSchedule(request)) }),
});
