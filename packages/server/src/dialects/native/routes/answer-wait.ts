import { answerWaitBodySchema, answerWaitParamsSchema, answerWaitReplySchema } from '@fermata/protocol';
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
    'approval: `{decision, digest}` and perhaps `reason`, `editedArgs`, `remember`. tool_output: `{output}` or `{error}`. input: `{value}`. timer: `{outcome: "fire"}`. in_doubt: `{outcome}`. The first answer wins; the same answer of the same principal again changes nothing; any other is `wait_closed` with the winner.',
  params: answerWaitParamsSchema,
  body: answerWaitBodySchema,
  example: { decision: 'approve', digest: '<the digest that the wait shows>' },
  replies: { 200: { description: 'The wait and its run after it', schema: answerWaitReplySchema } },
  errors: ['not_found', 'wait_closed', 'digest_required', 'digest_mismatch', 'invalid_transition'],
  handle: async ({ engine, caller, params, body, command }) => {
    checkAnswer(await engine.waits.get(caller, params.waitId), body, 'body');
    return command(
      (options) => engine.waits.answer(caller, params.waitId, body, options),
      ({ wait, run, changed }) => ({ status: 200, body: { wait, run, changed } }),
    );
  },
});
