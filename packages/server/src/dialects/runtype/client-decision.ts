import type { Run } from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import type { OperationReply, OperationRequest } from '../../http/route.ts';
import { answerExecution } from './answer-execution.ts';
import { approveExecution, findApproval, type Decision } from './approve-execution.ts';
import { decisionOfPage } from './client-page.ts';
import { RuntypeError } from './errors.ts';
import type { Beginning } from './execution-stream.ts';
import { findExecution, type Answering } from './find-execution.ts';
import type { ApproveBody } from './wire-dispatch.ts';

/** A visitor decides: only what is an approval, and only where nobody is named who alone may decide it. */
export async function decideAsVisitor(asking: Answering, run: Run, decision: Decision): Promise<Beginning> {
  const wait = await findApproval(asking, run, decision.approvalId);
  // Whether a call has happened is not for a visitor to know.
  if (wait.kind !== 'approval') throw notForVisitors();
  try {
    return await approveExecution(asking, run, decision);
  } catch (error) {
    throw error instanceof EngineError && error.code === 'forbidden' ? notForVisitors() : error;
  }
}

function notForVisitors(): RuntypeError {
  return new RuntypeError('forbidden', 'Somebody else must decide this', {
    members: { code: 'APPROVAL_APPROVER_NOT_END_USER' },
  });
}

/** A decision that came to the agents' route without a key, and what follows. */
export async function answerVisitor(
  request: OperationRequest<unknown, unknown, ApproveBody>,
): Promise<OperationReply> {
  const { body } = request;
  const asked = await decisionOfPage(request);
  const run = await findExecution(asked, body.executionId);
  const beginning = await decideAsVisitor(asked, run, body);
  return answerExecution(asked, run.id, beginning, body.streamResponse);
}
