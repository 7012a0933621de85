import { retryRunBodySchema, retryRunParamsSchema, retryRunReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const retryRun = defineOperation({
  operationId: 'retryRun',
  method: 'POST',
  path: '/runs/{runId}/retry',
  tag: 'Runs',
  role: 'operator',
  summary: 'Retry a failed run',
  description: 'Reopens a failed run: the failed step is done again, nothing else is.',
  params: retryRunParamsSchema,
  body: retryRunBodySchema,
  replies: { 200: { description: 'The run after it', schema: retryRunReplySchema } },
  errors: ['not_found', 'invalid_transition', 'sealed'],
  handle: ({ engine, caller, params, body, command }) =>
    command(
      (options) => engine.runs.retry(caller, params.runId, body, options),
      ({ run, changed }) => ({ status: 200, body: { run, changed } }),
    ),
});
