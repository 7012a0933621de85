import {
  dryRunQuerySchema,
  orPreview,
  sendMessageBodySchema,
  sendMessageParamsSchema,
  sendMessageReplySchema,
} from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { storeMessageContent, unstored } from '../stored-content.ts';

export const sendMessage = defineOperation({
  operationId: 'sendMessage',
  method: 'POST',
  path: '/runs/{runId}/messages',
  tag: 'Runs',
  role: 'operator',
  summary: 'Send a message to a run',
  description:
    'Taken in at the next turn boundary. With open waits `onWaiting` says whether it queues behind them or closes them. The same `messageId` again changes nothing.',
  params: sendMessageParamsSchema,
  query: dryRunQuerySchema,
  body: sendMessageBodySchema,
  example: { content: 'go on' },
  replies: {
    200: {
      description: 'The run and the message; with dryRun what would happen',
      schema: orPreview(sendMessageReplySchema),
    },
  },
  errors: ['not_found', 'invalid_transition', 'held', 'sealed', 'waits_open', 'budget_exhausted'],
  handle: async ({ engine, caller, params, query, body, command }) => {
    const { content, ...rest } = body;
    if (query.dryRun === true) {
      const shown = await storeMessageContent(unstored(caller), content, 'body.content');
      const preview = await engine.previews.sendMessage(caller, params.runId, { ...rest, parts: shown });
      return { status: 200, body: { preview } };
    }
    const parts = await storeMessageContent({ engine, caller }, content, 'body.content');
    return command(
      (options) => engine.runs.sendMessage(caller, params.runId, { ...rest, parts }, options),
      ({ run, changed, message }) => ({ status: 200, body: { run, changed, message } }),
    );
  },
});
