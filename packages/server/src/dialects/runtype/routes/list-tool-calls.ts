import { z } from 'zod';
import { toolCallsOf, type CallRecord } from '../execution-tool-calls.ts';
import { toolCallsReplySchema } from '../execution-wire.ts';
import { findExecution } from '../executions.ts';
import { runtypeOperation } from '../operation.ts';

export const listToolCalls = runtypeOperation({
  operationId: 'listToolCalls',
  method: 'GET',
  path: '/v1/agents/{agentId}/executions/{executionId}/tool-calls',
  tag: 'Agents',
  role: 'viewer',
  summary: 'List the tool calls of an execution',
  params: z.object({
    agentId: z.string().describe('Not looked at'),
    executionId: z.string().describe('Execution'),
  }),
  reply: toolCallsReplySchema,
  errors: ['not_found'],
  async handle({ engine, caller, params }) {
    const run = await findExecution(engine, caller, params.executionId);
    const calls = await toolCallsOf(engine, caller, run);
    return { status: 200, body: { toolCalls: calls.map(withoutPayload) } };
  },
});

function withoutPayload({
  args: _args,
  result: _result,
  ...call
}: CallRecord): Omit<CallRecord, 'args' | 'result'> {
  return call;
}
