import { codegenOperations } from '../../../packages/server/src/dialects/codegen/operations.ts';
import type { Operation } from '../../../packages/server/src/http/route.ts';
import type { World } from '../../world/server.ts';
import type { CodegenClient } from './codegen-client.ts';

export const SESSION_ID = '01900000-0000-7000-8000-000000000001';

export interface SampleRequest {
  operation: Operation;
  method: string;
  /** With its query. */
  path: string;
  body: Record<string, unknown> | undefined;
}

/** A run that has ended, and a session: what paths may name. */
export async function sampleIds(world: World, codegen: CodegenClient): Promise<{ runId: number }> {
  const run = await world.api.start({ input: 'sample' });
  await world.api.finished(run.id);
  await codegen.ok('POST', '/v1/organizations/1/claude_code/session', { session_id: SESSION_ID });
  return { runId: run.number };
}

/** A valid request of every operation. */
export function sampleRequests(runId: number, orgId: number | string = 1): SampleRequest[] {
  return codegenOperations.map((operation) => {
    const path = operation.path
      .replace('{org_id}', String(orgId))
      .replace('{agent_run_id}', String(runId))
      .replace('{session_id}', SESSION_ID)
      .replace(/\{(?:user|repo|pr|sandbox)_id\}/g, '1');
    const query = QUERIES[operation.operationId];
    return {
      operation,
      method: operation.method,
      path: query === undefined ? path : `${path}?${query(orgId)}`,
      body: operation.body === undefined ? undefined : BODIES(runId, orgId)[operation.operationId],
    };
  });
}

const QUERIES: Readonly<Record<string, (orgId: number | string) => string>> = {
  get_check_suite_settings: () => 'repo_id=1',
  update_check_suite_settings: () => 'repo_id=1',
  get_oauth_token_status: (orgId) => `org_id=${orgId}`,
  revoke_oauth_token: (orgId) => `provider=github&org_id=${orgId}`,
};

function BODIES(runId: number, orgId: number | string): Record<string, Record<string, unknown>> {
  const run = { agent_run_id: runId };
  return {
    create_agent_run: { prompt: 'hello' },
    resume_agent_run: { ...run, prompt: 'go on' },
    resume_agent_run_beta: { ...run, prompt: 'go on' },
    resume_agent_run_by_path: { prompt: 'go on' },
    ban_agent_run: run,
    unban_agent_run: run,
    remove_agent_run_from_pr: run,
    stop_agent_run_beta: run,
    generate_setup_commands: { repo_id: 1 },
    update_check_suite_settings: { check_retry_count: 1 },
    edit_pull_request_simple: { state: 'closed' },
    edit_pull_request: { state: 'open' },
    generate_slack_connect_token: { org_id: orgId },
    execute_tool: { tool_name: 'any', arguments: {} },
    set_agent_run_webhook: { url: 'https://example.com/hook', enabled: false },
    test_agent_run_webhook: { url: 'http://127.0.0.1:9/hook' },
    create_claude_code_session: { session_id: SESSION_ID },
    update_claude_code_session_status: { status: 'ACTIVE' },
    log_claude_code_session: { log: { type: 'user', uuid: 'line-1' } },
  };
}

/** Operations whose path or query names no organization. */
export const WITHOUT_ORGANIZATION: ReadonlySet<string> = new Set([
  'list_organizations',
  'get_current_user',
  'get_mcp_providers',
]);
