import type { StoredReply } from '../../../engine/errors.ts';
import type { OperationReply, OperationRequest } from '../../../http/route.ts';
import { answerExecution } from '../answer-execution.ts';
import { decodeDispatch } from '../decode-dispatch.ts';
import { FROM_START } from '../execution-stream.ts';
import { runtypeOperation } from '../operation.ts';
import { startedRun, storedRun } from '../started-run.ts';
import {
  dispatchBodySchema,
  executionReplySchema,
  frameSchema,
  type DispatchBody,
} from '../wire-dispatch.ts';

/** Source: wire section 2.1; images come inside. */
const BODY_LIMIT_BYTES = 36 * 1024 * 1024;

type Request = OperationRequest<unknown, unknown, DispatchBody>;

export const dispatch = runtypeOperation({
  operationId: 'dispatch',
  method: 'POST',
  path: '/v1/dispatch',
  tag: 'Dispatch',
  role: 'developer',
  summary: 'Run an agent or flow',
  description:
    'The answer is the stream of the execution until it pauses or ends, or with `options.streamResponse: false` JSON. A body of `{messages}` is answered by the default agent. Closing the connection stops nothing.',
  body: dispatchBodySchema,
  example: { messages: [{ role: 'user', content: 'What is a fermata?' }] },
  reply: executionReplySchema,
  stream: frameSchema,
  bodyLimitBytes: BODY_LIMIT_BYTES,
  errors: ['not_found', 'not_configured', 'not_supported', 'quota_exceeded'],
  handle: async (request: Request): Promise<OperationReply> => {
    const start = await decodeDispatch(request, request.body);
    const runId = await startedRun(request, start);
    return answerExecution(request, runId, FROM_START, request.body.options.streamResponse);
  },
  replay: (stored: StoredReply, request: Request) =>
    answerExecution(request, storedRun(stored), FROM_START, request.body.options.streamResponse),
});
