import { answerApprove, reattach } from '../answer-requests.ts';
import { answerVisitor } from '../client-decision.ts';
import { isPage } from '../client-page.ts';
import { anyAgentParams } from '../wire-agent-routes.ts';
import { runtypeOperation } from '../operation.ts';
import { approveBodySchema, executionReplySchema, frameSchema } from '../wire-dispatch.ts';

export const approveAgent = runtypeOperation({
  operationId: 'approveAgent',
  method: 'POST',
  path: '/v1/agents/{id}/approve',
  tag: 'Agents',
  role: 'operator',
  summary: 'With any agent in the path: approve or deny a call',
  description:
    'A second decision is told the first, and attaches to what goes on. Without a key it may come from a page of a client token, for an execution that a session of it has started.',
  params: anyAgentParams,
  body: approveBodySchema,
  example: { executionId: 'exec_…', approvalId: 'wait_…', decision: 'approved' },
  reply: executionReplySchema,
  stream: frameSchema,
  errors: ['not_found'],
  handle: (request) =>
    isPage(request.caller) ? answerVisitor(request) : answerApprove(request, request.body),
  replay: (_stored, request) => reattach(request, request.body),
});
