import { checkOrganization } from '../decode.ts';
import { codegenOperation } from '../operation.ts';
import { organizationQuery, tokenStatusSchema } from '../wire.ts';

export const getTokenStatus = codegenOperation({
  operationId: 'get_oauth_token_status',
  method: 'GET',
  path: '/v1/oauth/tokens/status',
  tag: 'Integrations',
  role: 'viewer',
  summary: 'List the connected providers',
  description: 'There are none.',
  query: organizationQuery,
  reply: tokenStatusSchema,
  async handle({ caller, query }) {
    checkOrganization(caller, query.org_id);
    return { status: 200, body: [] };
  },
});
