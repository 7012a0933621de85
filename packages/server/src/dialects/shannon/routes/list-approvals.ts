import type { JsonObject, Wait } from '@fermata/protocol';
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { findTask, taskIdOf } from '../task-id.ts';
import { checkId } from '../validate.ts';
import { approvalsReply } from '../wire.ts';

export const listApprovals = defineRoute({
  operationId: 'listApprovals',
  method: 'GET',
  path: '/api/v1/tasks/{id}/approvals',
  tag: 'Approvals',
  role: 'viewer',
  summary: 'List the approvals that a task waits for (not in Shannon itself)',
  params: z.object({ id: z.string().describe('Task id') }),
  replies: { 200: { description: 'Open approvals, oldest first', schema: approvalsReply } },
  errors: ['not_found'],
  handle: async (request) => {
    const run = await findTask(request, checkId(request.params['id'], 'Invalid task ID format'));
    const { engine, caller } = request;
    const { data } = await engine.waits.list(caller, { run: run.id, kind: ['approval'], limit: 100 });
    const workflowId = taskIdOf(run);
    return { status: 200, body: { approvals: data.map((wait) => approvalJson(wait, workflowId)) } };
  },
});

function approvalJson(wait: Wait, workflowId: string): JsonObject {
  return {
    approval_id: wait.id,
    workflow_id: workflowId,
    tool: wait.tool ?? '',
    args: wait.args,
    reason: wait.prompt,
    requested_at: wait.openedAt,
  };
}
