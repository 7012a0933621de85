import { unbanRun } from '../ban.ts';
import { codegenOperation } from '../operation.ts';
import { banSchema, organizationParams, stopRunBody } from '../wire.ts';

export const unbanOperation = codegenOperation({
  operationId: 'unban_agent_run',
  method: 'POST',
  path: '/v1/organizations/{org_id}/agent/run/unban',
  tag: 'Agent runs',
  role: 'developer',
  summary: 'Unban an agent run',
  description: 'It may be resumed again; it does not go on by itself.',
  params: organizationParams,
  body: stopRunBody,
  reply: banSchema,
  errors: ['not_found'],
  handle: (request) => unbanRun(request, request.body.agent_run_id),
});
