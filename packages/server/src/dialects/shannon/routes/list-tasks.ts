import type { RunQuery } from '../../../engine/facade.ts';
import { z } from 'zod';
import { taskItem, TIMED_OUT } from '../encode.ts';
import { badRequest } from '../errors.ts';
import { defineRoute, type ShannonRequest } from '../route.ts';
import { findSession } from '../session.ts';
import { checkId, readLimit, readOffset } from '../validate.ts';
import { STATUS_FILTERS, taskListReply } from '../wire.ts';

export const listTasks = defineRoute({
  operationId: 'listTasks',
  method: 'GET',
  path: '/api/v1/tasks',
  tag: 'Tasks',
  role: 'viewer',
  summary: 'List tasks, newest first',
  query: z.object({
    limit: z.string().optional().describe('1 to 100, 20 unless told'),
    offset: z.string().optional().describe('How many to pass over'),
    status: z
      .string()
      .optional()
      .describe('QUEUED, RUNNING, PAUSED, COMPLETED, FAILED, CANCELLED or TIMEOUT'),
    session_id: z.string().optional().describe('Only of this session'),
  }),
  replies: { 200: { description: 'Tasks', schema: taskListReply } },
  handle: async (request) => {
    const { engine, caller, query } = request;
    const limit = readLimit(query, 20, 100);
    const offset = readOffset(query);
    const sessionId = query.get('session_id') ?? '';
    if (sessionId !== '') checkId(sessionId, 'Invalid session_id format');
    const filter = statusFilter(query.get('status') ?? '');
    const session = sessionId === '' ? undefined : await sessionUuid(request, sessionId);
    if (session === null) return { status: 200, body: { tasks: [], total_count: 0 } };
    const page = await engine.runs.list(caller, {
      ...filter,
      ...(session === undefined ? {} : { session }),
      limit,
      offset,
      total: true,
    });
    return { status: 200, body: { tasks: page.data.map(taskItem), total_count: page.total ?? 0 } };
  },
});

function statusFilter(given: string): Pick<RunQuery, 'status' | 'errorCode' | 'notErrorCode'> {
  if (given === '') return {};
  const status = given.toUpperCase();
  if (!STATUS_FILTERS.includes(status)) throw badRequest('Invalid status value');
  switch (status) {
    case 'QUEUED':
      return { status: ['queued'] };
    case 'RUNNING':
      return { status: ['running', 'waiting'] };
    case 'PAUSED':
      return { status: ['pausing', 'paused'] };
    case 'COMPLETED':
      return { status: ['succeeded'] };
    case 'FAILED':
      return { status: ['failed'], notErrorCode: [TIMED_OUT] };
    case 'TIMEOUT':
      return { status: ['failed'], errorCode: [TIMED_OUT] };
    default:
      return { status: ['cancelled'] };
  }
}

/** A session that is not there has no tasks. */
async function sessionUuid(request: ShannonRequest, id: string): Promise<string | null> {
  try {
    return (await findSession(request, id)).id;
  } catch {
    return null;
  }
}
