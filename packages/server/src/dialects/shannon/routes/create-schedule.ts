import { z } from 'zod';
import { bodyObject } from '../body.ts';
import { WireError } from '../errors.ts';
import { defineRoute } from '../route.ts';
import { decodeSchedule, MAX_SCHEDULES, scheduleUuid } from '../schedule.ts';
import { openObject } from '../wire.ts';

export const createSchedule = defineRoute({
  operationId: 'createSchedule',
  method: 'POST',
  path: '/api/v1/schedules',
  tag: 'Schedules',
  role: 'developer',
  summary: 'Create a schedule',
  body: z.looseObject({
    name: z.string(),
    cron_expression: z.string().describe('Five fields, at least 60 minutes apart'),
    task_query: z.string(),
    description: z.string().optional(),
    timezone: z.string().optional().describe('IANA name; UTC unless told'),
    task_context: z.record(z.string(), z.string()).optional(),
    max_budget_per_run_usd: z.number().max(10).optional(),
    timeout_seconds: z.number().int().optional().describe('3600 unless told'),
  }),
  example: { name: 'Daily', cron_expression: '0 7 * * *', task_query: 'Write the report' },
  replies: { 201: { description: 'The schedule', schema: openObject } },
  errors: ['quota_exceeded'],
  isKeyed: true,
  handle: async (request) => {
    const { engine, caller } = request;
    const fields = decodeSchedule(bodyObject(request.body));
    const { total = 0 } = await engine.schedules.list(caller, { limit: 1, total: true });
    if (total >= MAX_SCHEDULES) {
      throw new WireError(429, { error: `schedule limit reached: ${total}/${MAX_SCHEDULES} schedules` });
    }
    return request.command(
      (options) => engine.schedules.create(caller, fields, options),
      ({ schedule }) => ({
        status: 201,
        body: {
          schedule_id: scheduleUuid(schedule.id),
          message: 'Schedule created successfully',
          next_run_at: schedule.nextFireAt,
        },
      }),
    );
  },
});
