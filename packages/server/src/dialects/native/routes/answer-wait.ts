import {
  answerWaitBodySchema,
  answerWaitParamsSchema,
  answerWaitReplySchema,
  dryRunQuerySchema,
  orPreview,
} from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { checkAnswer } from '../checked-answer.ts';

export const answerWait = defineOperation({
  operationId: 'answerWait',
  method: 'POST',
  path: '/waits/{waitId}/answer',
  tag: 'Waits',
  role: 'operator',
  summary: 'Answer a wait',
  description:
    'approval: `{decision, digest}` and perhaps `reason`, `editedArgs`, `remember`. tool_output: `{output}` or `{error}`. input: `{value}`. timer: `{outcome: "fire"}`. in_doubt: `{outcome}`. The first answer wins; the same answer of the same principal again changes nothing; any other is `wait_closed` with the winner. With `dryRun` the answer is checked and not given, and the reply tells what would happen.',
  params: answerWaitParamsSchema,
  query: dryRunQuerySchema,
  body: answerWaitBodySchema,
  example: { decision: 'approve', digest: '<the digest that the wait shows>' },
  replies: {
    200: {
      description: 'The wait and its run after it; with dryRun what would happen',
      schema: orPreview(answerWaitReplySchema),
    },
  },
  errors: ['not_found', 'wait_closed', 'digest_required', 'digest_mismatch', 'invalid_transition'],
  handle: async ({ engine, caller, params, query, body, command }) => {
    checkAnswer(await engine.waits.get(caller, params.waitId), body, 'body');
    if (query.dryRun === true) {
      return { status: 200, body: { preview: await engine.previews.answer(caller, params.waitId, body) } };
    }
    return command(
      (options) => engine.waits.answer(caller, params.waitId, body, options),
      ({ wait, run, changed }) => ({ status: 200, body: { wait, run, changed } }),
    );
  },
});
