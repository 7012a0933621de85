import { isJsonObject, type AnswerBody, type Json, type JsonObject, type Run } from '@fermata/protocol';
import { EngineError } from '../../../engine/errors.ts';
import { bodyObject } from '../body.ts';
import { badRequest, WireError } from '../errors.ts';
import { defineRoute, type ShannonRequest } from '../route.ts';
import { findTask, found } from '../task-id.ts';
import { approvalBody, approvalReply } from '../wire.ts';

export const decideApproval = defineRoute({
  operationId: 'decideApproval',
  method: 'POST',
  path: '/api/v1/approvals/decision',
  tag: 'Approvals',
  role: 'operator',
  summary: 'Approve or deny a call',
  description:
    'A denied task goes on and is told. `modified_action`: a JSON object takes the place of the arguments, other text is told to the model.',
  body: approvalBody,
  example: { workflow_id: 'task-…', approval_id: 'wait_…', approved: true },
  replies: { 200: { description: 'What came of it', schema: approvalReply } },
  errors: ['not_found'],
  isKeyed: true,
  handle: async (request) => {
    const body = bodyObject(request.body);
    const workflowId = text(body, 'workflow_id');
    const approvalId = text(body, 'approval_id');
    if (workflowId === '' || approvalId === '') {
      throw badRequest('workflow_id and approval_id are required');
    }
    const run = await approvalRun(request, workflowId, approvalId);
    const { answer, note } = decisionOf(body);
    const reply = (success: boolean, message: string): { status: number; body: JsonObject } => ({
      status: 200,
      body: {
        status: success ? 'sent' : 'failed',
        success,
        message,
        workflow_id: workflowId,
        run_id: text(body, 'run_id'),
        approval_id: approvalId,
      },
    });
    try {
      const sent = await request.command(
        (options) => request.engine.waits.answer(request.caller, approvalId, answer, options),
        () => reply(true, `Approval ${approvalId} processed successfully`),
      );
      if (note !== null) await tell(request, run, approvalId, note);
      return sent;
    } catch (error) {
      if (!(error instanceof EngineError) || !REFUSALS.has(error.code)) throw error;
      return reply(false, error.message);
    }
  },
});

const REFUSALS: ReadonlySet<string> = new Set(['wait_closed', 'digest_mismatch', 'invalid_request']);

function text(body: JsonObject, name: string): string {
  const value = body[name];
  return typeof value === 'string' ? value : '';
}

function notFound(): WireError {
  return new WireError(404, { error: 'Workflow or approval not found' });
}

/** The task, once it is certain that the approval is one of its own. */
async function approvalRun(request: ShannonRequest, taskId: string, approvalId: string): Promise<Run> {
  const { engine, caller } = request;
  const run = await findTask(request, taskId).catch((error: unknown) => {
    throw error instanceof WireError && error.status === 404 ? notFound() : error;
  });
  const wait = await found(engine.waits.get(caller, approvalId), notFound);
  const isOwn = wait.runId === run.id || run.openWaits.some((open) => open.id === approvalId);
  if (!isOwn || wait.kind !== 'approval') throw notFound();
  return run;
}

function decisionOf(body: JsonObject): { answer: AnswerBody; note: string | null } {
  const isApproved = body['approved'] === true;
  const modified = modification(body['modified_action']);
  const feedback = text(body, 'feedback');
  const reason = [feedback, ...(typeof modified === 'string' ? [modified] : [])].filter(Boolean).join('\n');
  return {
    answer: {
      decision: isApproved ? 'approve' : 'deny',
      ...(reason === '' ? {} : { reason }),
      ...(isApproved && isJsonObject(modified) ? { editedArgs: modified } : {}),
    },
    // A refusal carries its reason to the model by itself.
    note: isApproved && typeof modified === 'string' ? modified : null,
  };
}

function modification(value: Json | undefined): JsonObject | string | null {
  if (isJsonObject(value ?? null)) return value as JsonObject;
  if (typeof value !== 'string' || value.trim() === '') return null;
  try {
    const parsed = JSON.parse(value) as Json;
    return isJsonObject(parsed) ? parsed : value;
  } catch {
    return value;
  }
}

async function tell(
  { engine, caller }: ShannonRequest,
  run: Run,
  approvalId: string,
  note: string,
): Promise<void> {
  try {
    await engine.runs.sendMessage(caller, run.id, {
      parts: [{ type: 'text', text: note }],
      messageId: `approval:${approvalId}`,
      onWaiting: 'queue',
    });
  } catch (error) {
    // The run may have ended meanwhile; the decision stands, and its reason says the same.
    if (!(error instanceof EngineError)) throw error;
  }
}
