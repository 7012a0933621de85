import type { OperationReply, OperationRequest } from '../../http/route.ts';
import { answerExecution } from './answer-execution.ts';
import { approveExecution, type Decision } from './approve-execution.ts';
import { decodeMessages } from './decode-messages.ts';
import { beginningOf, findExecution } from './find-execution.ts';
import { resumeExecution } from './resume-execution.ts';
import type { ResumeBody } from './wire-dispatch.ts';

type Request<B> = OperationRequest<unknown, unknown, B>;

/** Resumes an execution and answers with what follows: for every route that takes outputs. */
export async function answerResume(
  request: Request<unknown>,
  body: Pick<ResumeBody, 'executionId' | 'toolOutputs' | 'messages' | 'streamResponse'>,
): Promise<OperationReply> {
  const run = await findExecution(request, body.executionId);
  const messages = await decodeMessages(request, body.messages ?? []);
  const beginning = await resumeExecution(request, run, { outputs: body.toolOutputs ?? null, messages });
  return answerExecution(request, run.id, beginning, body.streamResponse);
}

/** Decides an approval and answers with what follows: for every route that takes decisions. */
export async function answerApprove(
  request: Request<unknown>,
  body: Decision & { executionId: string; streamResponse: boolean },
): Promise<OperationReply> {
  const run = await findExecution(request, body.executionId);
  const beginning = await approveExecution(request, run, body);
  return answerExecution(request, run.id, beginning, body.streamResponse);
}

/** A repeated key: what was answered stands, and the reply attaches to what follows. */
export async function reattach(
  request: Request<unknown>,
  body: { executionId: string; streamResponse: boolean },
): Promise<OperationReply> {
  const run = await findExecution(request, body.executionId);
  const beginning = await beginningOf(request, run, 'all');
  return answerExecution(request, run.id, beginning, body.streamResponse);
}
