import {
  answerCallBodySchema,
  answerCallParamsSchema,
  answerCallReplySchema,
  dryRunQuerySchema,
  orPreview,
} from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { checkCallAnswer, openWaitOfCall } from '../checked-answer.ts';
import { assertFitsEvent } from '../stored-content.ts';

export const answerCall = defineOperation({
  operationId: 'answerCall',
  method: 'POST',
  path: '/runs/{runId}/calls/{callId}/answer',
  tag: 'Waits',
  role: 'operator',
  summary: 'Answer by tool call',
  description:
    'As answerWait, by the id of the call that owns the wait. May come before the wait opens: it is kept until then. A call of a child run is answered there, also by the id of its parent.',
  params: answerCallParamsSchema,
  query: dryRunQuerySchema,
  body: answerCallBodySchema,
  example: { output: { temperature: 21 } },
  replies: {
    200: {
      description: 'The wait and its run after it; with dryRun what would happen',
      schema: orPreview(answerCallReplySchema),
    },
  },
  errors: ['not_found', 'wait_closed', 'digest_required', 'digest_mismatch', 'invalid_transition'],
  handle: async ({ engine, caller, params, query, body, command }) => {
    assertFitsEvent(body, 'body');
    const runId = await engine.waits.runOfCall(caller, params.runId, params.callId);
    const wait = await openWaitOfCall(engine, caller, runId, params.callId);
    if (wait !== undefined) checkCallAnswer(wait, body, 'body');
    if (query.dryRun === true) {
      const preview = await engine.previews.answerCall(caller, runId, params.callId, body);
      return { status: 200, body: { preview } };
    }
    return command(
      (options) => engine.waits.answerCall(caller, params.runId, params.callId, body, options),
      (result) => ({
        status: 200,
        body: { wait: result.wait, run: result.run, changed: result.changed },
      }),
    );
  },
});
