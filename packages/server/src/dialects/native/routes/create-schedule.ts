import { createScheduleBodySchema, createScheduleReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { scheduledRun } from '../scheduled-run.ts';

export const createSchedule = defineOperation({
  operationId: 'createSchedule',
  method: 'POST',
  path: '/schedules',
  tag: 'Schedules',
  role: 'developer',
  summary: 'Create a schedule',
  description:
    'Starts a run at each time of a five-field cron expression, read in a time zone. Its runs have the origin `schedule` and the key `schedule:<id>:<time>`: one time is never fired twice.',
  body: createScheduleBodySchema,
  example: {
    name: 'Daily report',
    cron: '0 7 * * *',
    timezone: 'Europe/Berlin',
    run: { input: 'Write the report.' },
  },
  replies: { 201: { description: 'The schedule', schema: createScheduleReplySchema } },
  errors: ['not_found', 'not_supported'],
  handle: async ({ engine, caller, body, basePath, command }) => {
    const run = await scheduledRun({ engine, caller }, body.run, 'body.run');
    const { description = '', timezone = 'UTC', missed = 'once', metadata = {} } = body;
    return command(
      (options) =>
        engine.schedules.create(
          caller,
          { ...body, description, timezone, missed, metadata, run, face: null },
          options,
        ),
      ({ schedule }) => ({
        status: 201,
        body: schedule,
        headers: { location: `${basePath}/schedules/${schedule.id}` },
      }),
    );
  },
});
