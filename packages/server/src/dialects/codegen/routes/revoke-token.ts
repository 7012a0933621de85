import { checkOrganization } from '../decode.ts';
import { codegenOperation } from '../operation.ts';
import { notDoneSchema, providerQuery } from '../wire.ts';

export const revokeToken = codegenOperation({
  operationId: 'revoke_oauth_token',
  method: 'POST',
  path: '/v1/oauth/tokens/revoke',
  tag: 'Integrations',
  role: 'admin',
  summary: 'Revoke the token of a provider',
  description: 'There is none to revoke.',
  query: providerQuery,
  reply: notDoneSchema,
  async handle({ caller, query }) {
    checkOrganization(caller, query.org_id);
    return { status: 200, body: { success: false, error: `${query.provider} is not connected.` } };
  },
});
