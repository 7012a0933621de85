import type { OperationReply } from '../../../http/route.ts';
import { answerExecution } from '../answer-execution.ts';
import { ownRun, sessionOfPage } from '../client-access.ts';
import { decideAsVisitor } from '../client-decision.ts';
import { CLIENT_TAG, requestOfSession } from '../client-page.ts';
import { RuntypeError } from '../errors.ts';
import { runtypeOperation } from '../operation.ts';
import { clientApproveBodySchema } from '../wire-client.ts';
import { executionReplySchema, frameSchema } from '../wire-dispatch.ts';

export const clientApprove = runtypeOperation({
  operationId: 'clientApprove',
  method: 'POST',
  path: '/v1/client/approve',
  tag: CLIENT_TAG,
  role: 'viewer',
  summary: 'Approve or deny a call',
  description:
    'Of an execution that a session of the same token has started. What was decided already is 409.',
  body: clientApproveBodySchema,
  reply: executionReplySchema,
  stream: frameSchema,
  errors: ['unauthenticated', 'forbidden', 'not_found', 'wait_closed'],
  async handle(request): Promise<OperationReply> {
    const { engine, body } = request;
    const session = await sessionOfPage(engine, body.sessionId, { origin: request.header('origin') });
    const asked = requestOfSession(request, session);
    const run = await ownRun(engine, session, body.executionId);
    const beginning = await decideAsVisitor(asked, run, body);
    if (beginning.first !== undefined) {
      throw new RuntypeError('wait_closed', 'The approval was decided already', {
        status: 409,
        members: {
          code: 'APPROVAL_ALREADY_RESOLVED',
          hint: `It was ${String(beginning.first['decision'])}.`,
        },
      });
    }
    return answerExecution(asked, run.id, beginning, body.streamResponse);
  },
});
