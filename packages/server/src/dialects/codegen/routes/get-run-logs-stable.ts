import { codegenOperation, LOGS } from '../operation.ts';
import { logsQuery, runParams, runWithLogsSchema } from '../wire.ts';
import { getRunLogs, runLogs } from './get-run-logs.ts';

export const getRunLogsStable = codegenOperation({
  operationId: 'get_agent_run_logs_stable',
  method: 'GET',
  path: '/v1/organizations/{org_id}/agent/run/{agent_run_id}/logs',
  tag: 'Agent runs',
  role: 'viewer',
  summary: 'Get an agent run with its logs, by the path of the guide',
  params: runParams,
  query: logsQuery,
  reply: runWithLogsSchema,
  errors: ['not_found'],
  rate: LOGS,
  rateName: getRunLogs.operationId,
  handle: runLogs,
});
