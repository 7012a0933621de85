import { z } from 'zod';
import { EngineError } from '../../../engine/errors.ts';
import { reasonIn } from '../body.ts';
import { endedConflict } from '../control.ts';
import { plainStatus } from '../encode.ts';
import { defineRoute, type ShannonReply, type ShannonRequest } from '../route.ts';
import { findTask } from '../task-id.ts';
import { cancelReply, reasonBody } from '../wire.ts';

export const cancelTask = defineRoute({
  operationId: 'cancelTask',
  method: 'POST',
  path: '/api/v1/tasks/{id}/cancel',
  tag: 'Control',
  role: 'operator',
  summary: 'Cancel a task',
  params: z.object({ id: z.string().describe('Task id') }),
  body: reasonBody,
  replies: { 202: { description: 'It is cancelled', schema: cancelReply } },
  errors: ['not_found', 'invalid_transition'],
  isKeyed: true,
  handle: async (request) => {
    const task = await findTask(request, request.params['id'] ?? '');
    try {
      return await cancel(request, task.id);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'invalid_transition') throw error;
      throw await endedConflict(request, task.id, (run) => ({
        success: false,
        message: `Task is already in terminal state: ${plainStatus(run)}`,
        status: plainStatus(run),
      }));
    }
  },
});

async function cancel(request: ShannonRequest, runId: string): Promise<ShannonReply> {
  return request.command(
    (options) =>
      request.engine.runs.cancel(request.caller, runId, { reason: reasonIn(request.body) }, options),
    ({ changed }) => {
      // A second cancel finds a task that has ended, as one that was completed does.
      if (!changed) throw new EngineError('invalid_transition', 'the run is cancelled');
      return { status: 202, body: { success: true, message: 'Task cancelled successfully' } };
    },
  );
}
