import { CodegenError } from '../errors.ts';
import { codegenOperation, SETUP } from '../operation.ts';
import { sandboxLogsSchema, sandboxParams } from '../wire.ts';

export const analyzeSandboxLogs = codegenOperation({
  operationId: 'analyze_sandbox_logs',
  method: 'POST',
  path: '/v1/organizations/{org_id}/sandbox/{sandbox_id}/analyze-logs',
  tag: 'Agent runs',
  role: 'developer',
  summary: 'Analyze the logs of a sandbox',
  description: 'There are no sandboxes: it always answers 400.',
  params: sandboxParams,
  reply: sandboxLogsSchema,
  rate: SETUP,
  handle: () => Promise.reject(new CodegenError('invalid_request', 'No logs available for analysis', 400)),
});
