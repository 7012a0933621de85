import { assignWaitBodySchema, assignWaitParamsSchema, assignWaitReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const assignWait = defineOperation({
  operationId: 'assignWait',
  method: 'POST',
  path: '/waits/{waitId}/assign',
  tag: 'Waits',
  role: 'operator',
  summary: 'Assign a wait',
  params: assignWaitParamsSchema,
  body: assignWaitBodySchema,
  replies: { 200: { description: 'The wait and its run after it', schema: assignWaitReplySchema } },
  errors: ['not_found', 'wait_closed'],
  handle: ({ engine, caller, params, body, command }) =>
    command(
      (options) => engine.waits.assign(caller, params.waitId, body.assignee, options),
      ({ wait, run, changed }) => ({ status: 200, body: { wait, run, changed } }),
    ),
});
