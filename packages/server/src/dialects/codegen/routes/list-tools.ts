import { codegenOperation } from '../operation.ts';
import { organizationParams, toolsQuery, toolsSchema } from '../wire.ts';

export const listTools = codegenOperation({
  operationId: 'list_tools',
  method: 'GET',
  path: '/v1/organizations/{org_id}/tools',
  tag: 'Integrations',
  role: 'viewer',
  summary: 'List the tools of the product',
  description: 'There are none: tools belong to agents, through the native API.',
  params: organizationParams,
  query: toolsQuery,
  reply: toolsSchema,
  handle: () => Promise.resolve({ status: 200, body: { tools: [], total_count: 0 } }),
});
