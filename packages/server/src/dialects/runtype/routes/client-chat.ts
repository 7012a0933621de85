import type { JsonObject } from '@fermata/protocol';
import type { OperationReply, OperationRequest } from '../../../http/route.ts';
import { answerExecution } from '../answer-execution.ts';
import { clientOfRun, countMessage, sessionOfPage } from '../client-access.ts';
import { keepTools, toolsOfPage } from '../client-fingerprint.ts';
import { CLIENT_TAG, requestOfSession } from '../client-page.ts';
import { decodeDispatch } from '../decode-dispatch.ts';
import { FROM_START } from '../execution-stream.ts';
import { runtypeOperation } from '../operation.ts';
import { startedRun } from '../started-run.ts';
import { clientChatBodySchema, PAGE_BODY_LIMIT_BYTES, type ClientChatBody } from '../wire-client.ts';
import { executionReplySchema, frameSchema, type DispatchBody } from '../wire-dispatch.ts';

export const clientChat = runtypeOperation({
  operationId: 'clientChat',
  method: 'POST',
  path: '/v1/client/chat',
  tag: CLIENT_TAG,
  role: 'viewer',
  summary: 'Say something to the target of the client token',
  description:
    'The answer is the stream of the execution until it pauses or ends. The page sends its tools once, and their fingerprint from then on; a fingerprint that the session has not is 409 `client_tools_resend_required`.',
  body: clientChatBodySchema,
  reply: executionReplySchema,
  stream: frameSchema,
  bodyLimitBytes: PAGE_BODY_LIMIT_BYTES,
  errors: ['unauthenticated', 'forbidden', 'not_found', 'quota_exceeded', 'not_supported'],
  async handle(request: OperationRequest<unknown, unknown, ClientChatBody>): Promise<OperationReply> {
    const { engine, body } = request;
    const session = await sessionOfPage(engine, body.sessionId, { origin: request.header('origin') });
    const asked = requestOfSession(request, session);
    const clientTools = toolsOfPage(session, body);
    // Before anything that costs: compiling the schemas of a page is work that the quota is to bound.
    await countMessage(engine, session);
    await keepTools(engine, session, body);
    const { target } = session.token;
    const dispatched: DispatchBody = {
      ...(target === null
        ? {}
        : target.startsWith('flow_')
          ? { flowId: target }
          : { agent: { agentId: target } }),
      messages: body.messages,
      ...(clientTools === null ? {} : { clientTools }),
      ...(body.inputs === undefined ? {} : { inputs: inputsOfVisitor(body.inputs) }),
      ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
      ...(body.context === undefined ? {} : { context: body.context }),
      conversationId: session.conversationId,
      options: { streamResponse: true },
    };
    const start = await decodeDispatch(asked, dispatched);
    const runId = await startedRun(asked, {
      ...start,
      stepToolsYield: true,
      face: { ...start.face, client: clientOfRun(session) },
    });
    return answerExecution(asked, runId, FROM_START, true);
  },
});

/** Without the names that stand for what the server or the operator says: the record, and whatever begins with `_`. */
function inputsOfVisitor(inputs: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(inputs).filter(([name]) => name !== 'record' && !name.startsWith('_')),
  );
}
