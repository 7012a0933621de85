import {
  resumeRunBodySchema,
  resumeRunParamsSchema,
  resumeRunQuerySchema,
  resumeRunReplySchema,
} from '@fermata/protocol';
import { EngineError } from '../../../engine/errors.ts';
import { defineOperation } from '../../../http/route.ts';
import { checkAnswers } from '../checked-answer.ts';
import { storeMessages } from '../stored-content.ts';

export const resumeRun = defineOperation({
  operationId: 'resumeRun',
  method: 'POST',
  path: '/runs/{runId}/resume',
  tag: 'Runs',
  role: 'operator',
  summary: 'Resume a run',
  description:
    'Releases holds, and in the same commit records answers and messages, in this order: all or none. A run that still waits afterwards lists its open waits.',
  params: resumeRunParamsSchema,
  query: resumeRunQuerySchema,
  body: resumeRunBodySchema,
  replies: { 200: { description: 'The run after it', schema: resumeRunReplySchema } },
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
    if (query.dryRun === true) throw new EngineError('not_supported', 'dryRun is not supported yet.');
    const { webhooks, messages, ...rest } = body;
    if (webhooks !== undefined) throw new EngineError('not_supported', 'Webhooks are not supported yet.');
    await checkAnswers(engine, caller, params.runId, body.answers);
    const stored = await storeMessages({ engine, caller }, messages, 'body.messages');
    return command(
      (options) => engine.runs.resume(caller, params.runId, { ...rest, messages: stored }, options),
      ({ run, changed }) => ({ status: 200, body: { run, changed } }),
    );
  },
});
