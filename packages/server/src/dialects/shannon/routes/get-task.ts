import { z } from 'zod';
import { taskJson } from '../encode.ts';
import { defineRoute } from '../route.ts';
import { findTask } from '../task-id.ts';
import { checkId } from '../validate.ts';
import { taskReply } from '../wire.ts';

export const getTask = defineRoute({
  operationId: 'getTask',
  method: 'GET',
  path: '/api/v1/tasks/{id}',
  tag: 'Tasks',
  role: 'viewer',
  summary: 'Get a task',
  params: z.object({ id: z.string().describe('Task id') }),
  replies: { 200: { description: 'The task', schema: taskReply } },
  errors: ['not_found'],
  handle: async (request) => {
    const run = await findTask(request, checkId(request.params['id'], 'Invalid task ID format'));
    const body = taskJson(run);
    return { status: 200, body, headers: { 'x-workflow-id': String(body['task_id']) } };
  },
});
