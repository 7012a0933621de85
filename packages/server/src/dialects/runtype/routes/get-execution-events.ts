import { z } from 'zod';
import type { OperationReply } from '../../../http/route.ts';
import { runtypeOperation } from '../operation.ts';
import { openExecutionStream } from '../execution-stream.ts';
import { findExecution } from '../find-execution.ts';
import { readCursor } from '../frame.ts';
import { executionParams } from '../wire-agent-routes.ts';
import { frameSchema } from '../wire-dispatch.ts';

export const getExecutionEvents = runtypeOperation({
  operationId: 'getExecutionEvents',
  method: 'GET',
  path: '/v1/agents/{id}/executions/{executionId}/events',
  tag: 'Agents',
  role: 'viewer',
  summary: 'Go on with a stream that broke off',
  description:
    'Every frame after `after`, then live, until the execution pauses or ends. At any process, after any restart. The agent of the path is not looked at.',
  params: executionParams,
  query: z.object({
    after: z.string().optional().describe('`id:` of the last frame; absent: from the first'),
    conversationId: z.string().optional().describe('Not looked at'),
  }),
  reply: frameSchema,
  stream: frameSchema,
  errors: ['not_found'],
  handle: async (request): Promise<OperationReply> => {
    const { engine, caller, params, query } = request;
    const after = readCursor(query.after ?? request.header('last-event-id'));
    const run = await findExecution(request, params.executionId);
    const stream = await openExecutionStream({
      engine,
      caller,
      runId: run.id,
      beginning: { after, isResumed: false, restates: 'nothing' },
      signal: request.streamSignal(),
    });
    return { status: 200, stream };
  },
});
