import { z } from 'zod';
import { controlState } from '../encode.ts';
import { defineRoute } from '../route.ts';
import { findTask } from '../task-id.ts';
import { checkId } from '../validate.ts';
import { controlStateReply } from '../wire.ts';

export const getControlState = defineRoute({
  operationId: 'getControlState',
  method: 'GET',
  path: '/api/v1/tasks/{id}/control-state',
  tag: 'Control',
  role: 'viewer',
  summary: 'Get whether a task is paused or cancelled, by whom and why',
  params: z.object({ id: z.string().describe('Task id') }),
  replies: { 200: { description: 'Seven members, always', schema: controlStateReply } },
  errors: ['not_found'],
  handle: async (request) => ({
    status: 200,
    body: controlState(await findTask(request, checkId(request.params['id'], 'Invalid task ID format'))),
  }),
});
