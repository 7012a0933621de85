import type { StoredReply } from '../../../engine/errors.ts';
import type { OperationReply, OperationRequest } from '../../../http/route.ts';
import { answerExecution } from '../answer-execution.ts';
import { decodeDispatch } from '../decode-dispatch.ts';
import { FROM_START } from '../execution-stream.ts';
import { runtypeOperation } from '../operation.ts';
import { startedRun, storedRun } from '../started-run.ts';
import { agentParams } from '../wire-agent-routes.ts';
import { executeBodySchema, executionReplySchema, frameSchema, type ExecuteBody } from '../wire-dispatch.ts';

const BODY_LIMIT_BYTES = 36 * 1024 * 1024;

type Request = OperationRequest<{ id: string }, unknown, ExecuteBody>;

export const executeAgent = runtypeOperation({
  operationId: 'executeAgent',
  method: 'POST',
  path: '/v1/agents/{id}/execute',
  tag: 'Agents',
  role: 'developer',
  summary: 'Run a saved agent',
  description: 'As dispatch with this agent.',
  params: agentParams,
  body: executeBodySchema,
  example: { messages: [{ role: 'user', content: 'What is a fermata?' }] },
  reply: executionReplySchema,
  stream: frameSchema,
  bodyLimitBytes: BODY_LIMIT_BYTES,
  errors: ['not_found', 'not_configured', 'quota_exceeded'],
  handle: async (request: Request): Promise<OperationReply> => {
    const start = await decodeDispatch(request, { ...request.body, agent: { agentId: request.params.id } });
    const runId = await startedRun(request, start);
    return answerExecution(request, runId, FROM_START, request.body.options.streamResponse);
  },
  replay: (stored: StoredReply, request: Request) =>
    answerExecution(request, storedRun(stored), FROM_START, request.body.options.streamResponse),
});
