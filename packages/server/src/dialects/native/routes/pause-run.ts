import { pauseRunBodySchema, pauseRunParamsSchema, pauseRunReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const pauseRun = defineOperation({
  operationId: 'pauseRun',
  method: 'POST',
  path: '/runs/{runId}/pause',
  tag: 'Runs',
  role: 'operator',
  summary: 'Pause a run',
  description:
    'Puts a hold on the run. It is paused when nothing is in flight: after the step, or at once with at=now. Asking twice changes nothing.',
  params: pauseRunParamsSchema,
  body: pauseRunBodySchema,
  replies: { 200: { description: 'The run after it', schema: pauseRunReplySchema } },
  errors: ['not_found', 'invalid_transition'],
  handle: ({ engine, caller, params, body, command }) =>
    command(
      (options) => engine.runs.pause(caller, params.runId, body, options),
      ({ run, changed }) => ({ status: 200, body: { run, changed } }),
    ),
});
