import type { OperationReply } from '../../../http/route.ts';
import { answerApprove, answerResume, reattach } from '../answer-requests.ts';
import { runtypeOperation } from '../operation.ts';
import { readMember } from '../validation.ts';
import {
  approveBodySchema,
  continueBodySchema,
  executionReplySchema,
  frameSchema,
  resumeBodySchema,
} from '../wire-dispatch.ts';

const decisionSchema = approveBodySchema.omit({ executionId: true, streamResponse: true });
const outputsSchema = resumeBodySchema.omit({ executionId: true, streamResponse: true });

export const continueDispatch = runtypeOperation({
  operationId: 'continueDispatch',
  method: 'POST',
  path: '/v1/dispatch/continue',
  tag: 'Dispatch',
  role: 'operator',
  summary: 'Either of the two: outputs, or a decision',
  description:
    'A `continuation` with an `approvalId` is a decision, any other gives outputs and messages; its `type` is not needed.',
  body: continueBodySchema,
  example: { executionId: 'exec_…', continuation: { toolOutputs: { get_page: 'text' } } },
  reply: executionReplySchema,
  stream: frameSchema,
  errors: ['not_found'],
  handle: (request): Promise<OperationReply> => {
    const { continuation, ...rest } = request.body;
    if ('approvalId' in continuation || 'decision' in continuation) {
      return answerApprove(request, { ...rest, ...readMember(decisionSchema, continuation, 'continuation') });
    }
    return answerResume(request, { ...rest, ...readMember(outputsSchema, continuation, 'continuation') });
  },
  replay: (_stored, request) => reattach(request, request.body),
});
