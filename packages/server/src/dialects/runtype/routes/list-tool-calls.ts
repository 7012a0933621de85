import { z } from 'zod';
import { toolCallsOf, type CallRecord } from '../execution-tool-calls.ts';
import { toolCallsReplySchema } from '../wire-executions.ts';
import { findExecution } from '../find-execution.ts';
import { runtypeOperation } from '../operation.ts';

export const listToolCalls = runtypeOperation({
  operationId: 'listToolCalls',
  method: 'GET',
  path: '/v1/agents/{id}/executions/{executionId}/tool-calls',
  tag: 'Agents',
  role: 'viewer',
  summary: 'List the tool calls of an execution',
  params: z.object({
    id: z.string().describe('Agent; not looked at'),
    executionId: z.string().describe('Execution'),
  }),
  reply: toolCallsReplySchema,
  errors: ['not_found'],
  async handle({ engine, caller, params }) {
    const run = await findExecution({ engine, caller }, params.executionId);
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
