import { banRun } from '../ban.ts';
import { codegenOperation } from '../operation.ts';
import { banSchema, organizationParams, stopRunBody } from '../wire.ts';

export const banOperation = codegenOperation({
  operationId: 'ban_agent_run',
  method: 'POST',
  path: '/v1/organizations/{org_id}/agent/run/ban',
  tag: 'Agent runs',
  role: 'developer',
  summary: 'Ban an agent run',
  description: 'Cancels it if it has not ended, and seals it: it takes no prompt until it is unbanned.',
  params: organizationParams,
  body: stopRunBody,
  reply: banSchema,
  errors: ['not_found'],
  handle: (request) => banRun(request, request.body.agent_run_id, 'Agent run banned.'),
});
