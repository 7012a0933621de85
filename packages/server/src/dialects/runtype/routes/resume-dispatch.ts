import { answerResume, reattach } from '../answer-requests.ts';
import { runtypeOperation } from '../operation.ts';
import { executionReplySchema, frameSchema, resumeBodySchema } from '../wire-dispatch.ts';

export const resumeDispatch = runtypeOperation({
  operationId: 'resumeDispatch',
  method: 'POST',
  path: '/v1/dispatch/resume',
  tag: 'Dispatch',
  role: 'operator',
  summary: 'Give outputs of tools, or messages, and go on',
  description:
    'Outputs are taken by call id, `webmcp:<name>` or tool name; what is left is asked for again. Without outputs a pause of the operator ends too.',
  body: resumeBodySchema,
  example: { executionId: 'exec_…', toolOutputs: { call_1_1_1: { total: 3 } } },
  reply: executionReplySchema,
  stream: frameSchema,
  errors: ['not_found'],
  handle: (request) => answerResume(request, request.body),
  replay: (_stored, request) => reattach(request, request.body),
});
