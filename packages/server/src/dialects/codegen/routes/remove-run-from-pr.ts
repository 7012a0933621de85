import { banRun } from '../ban.ts';
import { codegenOperation } from '../operation.ts';
import { banSchema, organizationParams, stopRunBody } from '../wire.ts';

export const removeFromPrOperation = codegenOperation({
  operationId: 'remove_agent_run_from_pr',
  method: 'POST',
  path: '/v1/organizations/{org_id}/agent/run/remove-from-pr',
  tag: 'Agent runs',
  role: 'developer',
  summary: 'Remove an agent run from its pull request',
  description: 'The same as a ban.',
  params: organizationParams,
  body: stopRunBody,
  reply: banSchema,
  errors: ['not_found'],
  handle: (request) => banRun(request, request.body.agent_run_id, 'Agent run removed from its pull request.'),
});
