import { z } from 'zod';
import { EngineError } from '../../../engine/errors.ts';
import { toolCallsOf } from '../execution-tool-calls.ts';
import { toolCallReplySchema } from '../wire-executions.ts';
import { findExecution } from '../find-execution.ts';
import { runtypeOperation } from '../operation.ts';

export const getToolCall = runtypeOperation({
  operationId: 'getToolCall',
  method: 'GET',
  path: '/v1/agents/{id}/executions/{executionId}/tool-calls/{toolCallId}',
  tag: 'Agents',
  role: 'viewer',
  summary: 'Get a tool call with arguments and result',
  params: z.object({
    id: z.string().describe('Agent; not looked at'),
    executionId: z.string().describe('Execution'),
    toolCallId: z.string().describe('Tool call'),
  }),
  reply: toolCallReplySchema,
  errors: ['not_found'],
  async handle({ engine, caller, params }) {
    const run = await findExecution({ engine, caller }, params.executionId);
    const call = (await toolCallsOf(engine, caller, run)).find(({ id }) => id === params.toolCallId);
    if (call === undefined) throw new EngineError('not_found', `Tool call not found: ${params.toolCallId}`);
    const { args, result, iteration: _iteration, ...shown } = call;
    return { status: 200, body: { ...shown, toolId: null, inputParameters: args, outputResult: result } };
  },
});
