import { codegenOperation } from '../operation.ts';
import { mcpProvidersSchema } from '../wire.ts';

export const listMcpProviders = codegenOperation({
  operationId: 'get_mcp_providers',
  method: 'GET',
  path: '/v1/mcp-providers',
  tag: 'Integrations',
  role: 'viewer',
  summary: 'List the MCP providers',
  description: 'There are none: MCP servers belong to agents, through the native API.',
  reply: mcpProvidersSchema,
  handle: () => Promise.resolve({ status: 200, body: [] }),
});
