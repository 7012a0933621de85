import { answerApprove, reattach } from '../answer-requests.ts';
import { runtypeOperation } from '../operation.ts';
import { approveBodySchema, executionReplySchema, frameSchema } from '../wire-dispatch.ts';

export const approveDispatch = runtypeOperation({
  operationId: 'approveDispatch',
  method: 'POST',
  path: '/v1/dispatch/approve',
  tag: 'Dispatch',
  role: 'operator',
  summary: 'Approve or deny a call',
  description: 'A second decision is told the first, and attaches to what goes on.',
  body: approveBodySchema,
  example: { executionId: 'exec_…', approvalId: 'wait_…', decision: 'approved' },
  reply: executionReplySchema,
  stream: frameSchema,
  errors: ['not_found'],
  handle: (request) => answerApprove(request, request.body),
  replay: (_stored, request) => reattach(request, request.body),
});
