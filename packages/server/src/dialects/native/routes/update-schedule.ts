import { scheduleParamsSchema, updateScheduleBodySchema, updateScheduleReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { scheduledRun } from '../scheduled-run.ts';

export const updateSchedule = defineOperation({
  operationId: 'updateSchedule',
  method: 'PATCH',
  path: '/schedules/{scheduleId}',
  tag: 'Schedules',
  role: 'developer',
  summary: 'Change, pause or resume a schedule',
  description:
    'While it is paused it does not fire, and the times that pass are not made up for. `run` is replaced as a whole.',
  params: scheduleParamsSchema,
  body: updateScheduleBodySchema,
  example: { status: 'paused', reason: 'holidays' },
  replies: { 200: { description: 'The schedule after it', schema: updateScheduleReplySchema } },
  errors: ['not_found', 'not_supported'],
  handle: async ({ engine, caller, params, body, command }) => {
    const { status, reason, run, ...fields } = body;
    const checked = run === undefined ? undefined : await scheduledRun({ engine, caller }, run, 'body.run');
    const patch = { ...withoutUndefined(fields), ...(checked === undefined ? {} : { run: checked }) };
    // Its status is changed first: setting it twice changes nothing, and the fields carry the key.
    if (status === 'paused') await engine.schedules.pause(caller, params.scheduleId, reason ?? null);
    if (status === 'active') await engine.schedules.resume(caller, params.scheduleId);
    return command(
      (options) => engine.schedules.update(caller, params.scheduleId, patch, options),
      ({ schedule }) => ({ status: 200, body: schedule }),
    );
  },
});

function withoutUndefined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
