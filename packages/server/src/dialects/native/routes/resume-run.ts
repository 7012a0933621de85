import {
  orPreview,
  resumeRunBodySchema,
  resumeRunParamsSchema,
  resumeRunQuerySchema,
  resumeRunReplySchema,
} from '@fermata/protocol';
import { EngineError } from '../../../engine/errors.ts';
import { defineOperation } from '../../../http/route.ts';
import { checkAnswers } from '../checked-answer.ts';
import { storeMessages, unstored } from '../stored-content.ts';

export const resumeRun = defineOperation({
  operationId: 'resumeRun',
  method: 'POST',
  path: '/runs/{runId}/resume',
  tag: 'Runs',
  role: 'operator',
  summary: 'Resume a run',
  description:
    'Records answers, releases holds and sends messages, in this order and in one commit: all or none. A run that still waits afterwards lists its open waits. With `dryRun` everything is checked and decided, nothing is done, and the reply tells what would happen.',
  params: resumeRunParamsSchema,
  query: resumeRunQuerySchema,
  body: resumeRunBodySchema,
  replies: {
    200: {
      description: 'The run after it; with dryRun what would happen',
      schema: orPreview(resumeRunReplySchema),
    },
  },
  errors: [
    'not_found',
    'invalid_transition',
    'held',
    'sealed',
    'waits_open',
    'wait_closed',
    'digest_required',
    'digest_mismatch',
    'budget_exhausted',
    'not_supported',
  ],
  handle: async ({ engine, caller, params, query, body, command }) => {
    const { webhooks, messages, ...rest } = body;
    if (webhooks !== undefined) throw new EngineError('not_supported', 'Webhooks are not supported yet.');
    await checkAnswers(engine, caller, params.runId, body.answers);
    if (query.dryRun === true) {
      const shown = await storeMessages(unstored(caller), messages, 'body.messages');
      const preview = await engine.previews.resume(caller, params.runId, { ...rest, messages: shown });
      return { status: 200, body: { preview } };
    }
    const stored = await storeMessages({ engine, caller }, messages, 'body.messages');
    return command(
      (options) => engine.runs.resume(caller, params.runId, { ...rest, messages: stored }, options),
      ({ run, changed }) => ({ status: 200, body: { run, changed } }),
    );
  },
});
