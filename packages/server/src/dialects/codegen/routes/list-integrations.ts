import { codegenOperation, STANDARD } from '../operation.ts';
import { integrationsSchema, organizationParams } from '../wire.ts';

export const listIntegrations = codegenOperation({
  operationId: 'get_organization_integrations',
  method: 'GET',
  path: '/v1/organizations/{org_id}/integrations',
  tag: 'Integrations',
  role: 'viewer',
  summary: 'List the integrations of an organization',
  description: 'There are none.',
  params: organizationParams,
  reply: integrationsSchema,
  rate: STANDARD,
  async handle({ engine, caller }) {
    const { id, name } = await engine.identity.organization(caller);
    return {
      status: 200,
      body: { organization_id: id, organization_name: name, integrations: [], total_active_integrations: 0 },
    };
  },
});
