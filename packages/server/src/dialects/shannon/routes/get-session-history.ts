import type { JsonObject, Run } from '@fermata/protocol';
import { z } from 'zod';
import { echoOf, plainStatus, resultText, totalTokens } from '../encode.ts';
import { defineRoute } from '../route.ts';
import { findSession, sessionRuns } from '../session.ts';
import { taskIdOf } from '../task-id.ts';
import { openObject } from '../wire.ts';

export const getSessionHistory = defineRoute({
  operationId: 'getSessionHistory',
  method: 'GET',
  path: '/api/v1/sessions/{id}/history',
  tag: 'Sessions',
  role: 'viewer',
  summary: 'List the tasks of a session, oldest first',
  params: z.object({ id: z.string().describe('Session id') }),
  replies: { 200: { description: 'Its tasks', schema: openObject } },
  errors: ['not_found'],
  handle: async (request) => {
    const { id } = await findSession(request, request.params['id'] ?? '');
    const tasks = (await sessionRuns(request, id)).map(historyTask);
    return { status: 200, body: { session_id: id, tasks, total: tasks.length } };
  },
});

function historyTask(run: Run): JsonObject {
  const { mode, query } = echoOf(run);
  const result = resultText(run.output);
  const began = run.startedAt ?? run.createdAt;
  return {
    task_id: run.id,
    workflow_id: taskIdOf(run),
    query,
    status: plainStatus(run),
    ...(mode === null ? {} : { mode }),
    ...(result === '' ? {} : { result }),
    ...(run.error === null ? {} : { error_message: run.error.message }),
    total_tokens: totalTokens(run),
    total_cost_usd: run.usage.costUsd ?? 0,
    ...(run.finishedAt === null ? {} : { duration_ms: Date.parse(run.finishedAt) - Date.parse(began) }),
    agents_used: run.usage.turns > 0 ? 1 : 0,
    tools_invoked: run.usage.toolCalls,
    started_at: began,
    ...(run.finishedAt === null ? {} : { completed_at: run.finishedAt }),
    metadata: run.metadata,
  };
}
