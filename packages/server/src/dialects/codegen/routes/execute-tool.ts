import { codegenOperation, EDITS } from '../operation.ts';
import { executedToolSchema, executeToolBody, organizationParams } from '../wire.ts';

export const executeTool = codegenOperation({
  operationId: 'execute_tool',
  method: 'POST',
  path: '/v1/organizations/{org_id}/tools/execute',
  tag: 'Integrations',
  role: 'developer',
  summary: 'Execute a tool of the product',
  description: 'There are none: it always answers `success: false`.',
  params: organizationParams,
  body: executeToolBody,
  reply: executedToolSchema,
  rate: EDITS,
  handle: ({ body }) =>
    Promise.resolve({
      status: 200,
      body: {
        success: false,
        tool_name: body.tool_name,
        result: null,
        error: `There is no tool ${JSON.stringify(body.tool_name)} on this server.`,
        execution_time_ms: 0,
      },
    }),
});
