import { cancelRunBodySchema, cancelRunParamsSchema, cancelRunReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const cancelRun = defineOperation({
  operationId: 'cancelRun',
  method: 'POST',
  path: '/runs/{runId}/cancel',
  tag: 'Runs',
  role: 'operator',
  summary: 'Cancel a run',
  description: 'Ends the run; what is in flight is aborted. Cancelling a cancelled run changes nothing.',
  params: cancelRunParamsSchema,
  body: cancelRunBodySchema,
  replies: { 200: { description: 'The run after it', schema: cancelRunReplySchema } },
  errors: ['not_found', 'invalid_transition'],
  handle: ({ engine, caller, params, body, command }) =>
    command(
      (options) => engine.runs.cancel(caller, params.runId, body, options),
      ({ run, changed }) => ({ status: 200, body: { run, changed } }),
    ),
});
