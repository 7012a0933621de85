import { z } from 'zod';
import { executionReplySchema } from '../wire-executions.ts';
import { executionDetailOf } from '../executions.ts';
import { findExecution } from '../find-execution.ts';
import { runtypeOperation } from '../operation.ts';

export const getExecution = runtypeOperation({
  operationId: 'getExecution',
  method: 'GET',
  path: '/v1/agents/{id}/executions/{executionId}',
  tag: 'Agents',
  role: 'viewer',
  summary: 'Get an execution',
  description: 'The execution alone counts: the agent’s id may be any.',
  params: z.object({
    id: z.string().describe('Agent; not looked at'),
    executionId: z.string().describe('Execution'),
  }),
  reply: executionReplySchema,
  errors: ['not_found'],
  async handle({ engine, caller, params }) {
    const run = await findExecution({ engine, caller }, params.executionId);
    return { status: 200, body: await executionDetailOf(engine, caller, run) };
  },
});
