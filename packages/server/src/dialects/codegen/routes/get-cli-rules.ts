import { codegenOperation, type Rate } from '../operation.ts';
import { cliRulesSchema, organizationParams } from '../wire.ts';

const RATE: Rate = [30, 60];

export const getCliRules = codegenOperation({
  operationId: 'get_cli_rules',
  method: 'GET',
  path: '/v1/organizations/{org_id}/cli/rules',
  tag: 'Organizations and users',
  role: 'viewer',
  summary: 'Get the rules of the command line',
  description: 'There are none.',
  params: organizationParams,
  reply: cliRulesSchema,
  rate: RATE,
  handle: () =>
    Promise.resolve({ status: 200, body: { organization_rules: null, user_custom_prompt: null } }),
});
