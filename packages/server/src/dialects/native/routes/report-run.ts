import { reportRunBodySchema, reportRunParamsSchema, reportRunReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { assertFitsEvent } from '../stored-content.ts';

export const reportRun = defineOperation({
  operationId: 'reportRun',
  method: 'POST',
  path: '/runs/{runId}/report',
  tag: 'Runs',
  role: 'developer',
  summary: 'Report what an external run did',
  description:
    'For a run that the client drives: its status, output, summary and error. A managed run can only be ended.',
  params: reportRunParamsSchema,
  body: reportRunBodySchema,
  replies: { 200: { description: 'The run after it', schema: reportRunReplySchema } },
  errors: ['not_found', 'invalid_transition', 'sealed'],
  handle: async ({ engine, caller, params, body, command }) => {
    assertFitsEvent(body, 'body');
    return command(
      (options) => engine.runs.report(caller, params.runId, body, options),
      ({ run, changed }) => ({ status: 200, body: { run, changed } }),
    );
  },
});
