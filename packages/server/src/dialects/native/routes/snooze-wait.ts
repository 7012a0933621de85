import { snoozeWaitBodySchema, snoozeWaitParamsSchema, snoozeWaitReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const snoozeWait = defineOperation({
  operationId: 'snoozeWait',
  method: 'POST',
  path: '/waits/{waitId}/snooze',
  tag: 'Waits',
  role: 'operator',
  summary: 'Snooze a wait',
  description: 'It need not be shown before then; its deadline goes on.',
  params: snoozeWaitParamsSchema,
  body: snoozeWaitBodySchema,
  replies: { 200: { description: 'The wait and its run after it', schema: snoozeWaitReplySchema } },
  errors: ['not_found', 'wait_closed'],
  handle: ({ engine, caller, params, body, command }) =>
    command(
      (options) => engine.waits.snooze(caller, params.waitId, body.until, options),
      ({ wait, run, changed }) => ({ status: 200, body: { wait, run, changed } }),
    ),
});
