import type { OperationReply } from '../../../http/route.ts';
import { answerExecution } from '../answer-execution.ts';
import { countMessage, ownRun, sessionOfPage } from '../client-access.ts';
import { keepTools, toolsOfPage } from '../client-fingerprint.ts';
import { CLIENT_TAG, requestOfSession } from '../client-page.ts';
import { decodeMessages } from '../decode-messages.ts';
import { runtypeOperation } from '../operation.ts';
import { resumeExecution } from '../resume-execution.ts';
import { clientResumeBodySchema, PAGE_BODY_LIMIT_BYTES } from '../wire-client.ts';
import { executionReplySchema, frameSchema } from '../wire-dispatch.ts';

export const clientResume = runtypeOperation({
  operationId: 'clientResume',
  method: 'POST',
  path: '/v1/client/resume',
  tag: CLIENT_TAG,
  role: 'viewer',
  summary: 'Give outputs of the page’s tools, and go on',
  description:
    'Of an execution that a session of the same token has started. It releases no hold. Tools that come along are the session’s from now on, and the page’s next message has them; the execution keeps those that it began with.',
  body: clientResumeBodySchema,
  reply: executionReplySchema,
  stream: frameSchema,
  bodyLimitBytes: PAGE_BODY_LIMIT_BYTES,
  errors: ['unauthenticated', 'forbidden', 'not_found', 'quota_exceeded'],
  async handle(request): Promise<OperationReply> {
    const { engine, body } = request;
    const session = await sessionOfPage(engine, body.sessionId, { origin: request.header('origin') });
    const asked = requestOfSession(request, session);
    const run = await ownRun(engine, session, body.executionId);
    toolsOfPage(session, body);
    await keepTools(engine, session, body);
    const messages = await decodeMessages(asked, body.messages ?? []);
    if (messages.length > 0) await countMessage(engine, session);
    const input = { outputs: body.toolOutputs ?? null, messages, keepsHolds: true };
    const beginning = await resumeExecution(asked, run, input);
    return answerExecution(asked, run.id, beginning, body.streamResponse);
  },
});
