import { findRun } from '../decode.ts';
import { encodeRun } from '../encode.ts';
import { serverBase } from '../links.ts';
import { codegenOperation, STANDARD } from '../operation.ts';
import { agentRunSchema, runParams } from '../wire.ts';

export const getRun = codegenOperation({
  operationId: 'get_agent_run',
  method: 'GET',
  path: '/v1/organizations/{org_id}/agent/run/{agent_run_id}',
  tag: 'Agent runs',
  role: 'viewer',
  summary: 'Get an agent run',
  params: runParams,
  reply: agentRunSchema,
  errors: ['not_found'],
  rate: STANDARD,
  async handle(request) {
    const run = await findRun(request, request.params.agent_run_id);
    return { status: 200, body: encodeRun(run, serverBase(request)) };
  },
});
