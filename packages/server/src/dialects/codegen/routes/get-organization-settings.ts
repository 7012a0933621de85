import { ORGANIZATION_SETTINGS } from '../encode.ts';
import { codegenOperation, STANDARD } from '../operation.ts';
import { organizationParams, organizationSettingsSchema } from '../wire.ts';

export const getOrganizationSettings = codegenOperation({
  operationId: 'get_organization_settings',
  method: 'GET',
  path: '/v1/organizations/{org_id}/settings',
  tag: 'Organizations and users',
  role: 'viewer',
  summary: 'Get the settings of an organization',
  description: 'No pull requests are opened and no rules looked for.',
  params: organizationParams,
  reply: organizationSettingsSchema,
  rate: STANDARD,
  handle: () => Promise.resolve({ status: 200, body: ORGANIZATION_SETTINGS }),
});
