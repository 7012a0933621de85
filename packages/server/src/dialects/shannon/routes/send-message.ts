import { z } from 'zod';
import { bodyObject } from '../body.ts';
import { badRequest, WireError } from '../errors.ts';
import { defineRoute } from '../route.ts';
import { findTask } from '../task-id.ts';
import { checkId } from '../validate.ts';
import { openObject } from '../wire.ts';

const MAX_BYTES = 32 * 1024;

export const sendSwarmMessage = defineRoute({
  operationId: 'sendSwarmMessage',
  method: 'POST',
  path: '/api/v1/swarm/{id}/message',
  tag: 'Tasks',
  role: 'operator',
  summary: 'Send a message to a task; it is taken in before its next step',
  params: z.object({ id: z.string().describe('Task id') }),
  body: z.looseObject({ message: z.string() }),
  replies: { 200: { description: 'It is in the log', schema: openObject } },
  errors: ['not_found', 'invalid_transition'],
  bodyLimitBytes: 64 * 1024,
  handle: async (request) => {
    const { message } = bodyObject(request.body);
    if (typeof message !== 'string' || message.trim() === '') throw badRequest('message is required');
    if (Buffer.byteLength(message) > MAX_BYTES) throw badRequest('message exceeds maximum length (32KB)');
    const id = checkId(request.params['id'], 'Invalid workflow ID format');
    const run = await findTask(request, id).catch((error: unknown) => {
      const isUnknown = error instanceof WireError && error.status === 404;
      throw isUnknown ? new WireError(404, { error: 'Workflow not found' }) : error;
    });
    await request.engine.runs.sendMessage(request.caller, run.id, {
      parts: [{ type: 'text', text: message }],
      onWaiting: 'queue',
    });
    return { status: 200, body: { success: true, status: 'sent' } };
  },
});
