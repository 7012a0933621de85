import { z } from 'zod';
import type { Operation } from '../../http/route.ts';
import { analyzeSandboxLogs } from './routes/analyze-sandbox-logs.ts';
import { banOperation } from './routes/ban-run.ts';
import { createRun } from './routes/create-run.ts';
import { deleteWebhook } from './routes/delete-webhook.ts';
import { editPullRequest } from './routes/edit-pull-request.ts';
import { editRepoPullRequest } from './routes/edit-repo-pull-request.ts';
import { executeTool } from './routes/execute-tool.ts';
import { generateSetupCommands } from './routes/generate-setup-commands.ts';
import { generateSlackToken } from './routes/generate-slack-token.ts';
import { getCheckSuiteSettings } from './routes/get-check-suite-settings.ts';
import { getCliRules } from './routes/get-cli-rules.ts';
import { getMe } from './routes/get-me.ts';
import { getOrganizationSettings } from './routes/get-organization-settings.ts';
import { getRun } from './routes/get-run.ts';
import { getRunLogs } from './routes/get-run-logs.ts';
import { getRunLogsStable } from './routes/get-run-logs-stable.ts';
import { getTokenStatus } from './routes/get-token-status.ts';
import { getUser } from './routes/get-user.ts';
import { getWebhook } from './routes/get-webhook.ts';
import { listIntegrations } from './routes/list-integrations.ts';
import { listMcpProviders } from './routes/list-mcp-providers.ts';
import { listModels } from './routes/list-models.ts';
import { listOrganizations } from './routes/list-organizations.ts';
import { listRepos } from './routes/list-repos.ts';
import { listRepositories } from './routes/list-repositories.ts';
import { listRuns } from './routes/list-runs.ts';
import { listTools } from './routes/list-tools.ts';
import { listUsers } from './routes/list-users.ts';
import { logSessionLine } from './routes/log-session-line.ts';
import { removeFromPrOperation } from './routes/remove-run-from-pr.ts';
import { resumeRun } from './routes/resume-run.ts';
import { resumeRunBeta } from './routes/resume-run-beta.ts';
import { resumeRunByPath } from './routes/resume-run-by-path.ts';
import { revokeToken } from './routes/revoke-token.ts';
import { setCheckSuiteSettingsOperation } from './routes/set-check-suite-settings.ts';
import { setSessionStatus } from './routes/set-session-status.ts';
import { setWebhook } from './routes/set-webhook.ts';
import { startSession } from './routes/start-session.ts';
import { stopRun } from './routes/stop-run.ts';
import { testWebhook } from './routes/test-webhook.ts';
import { unbanOperation } from './routes/unban-run.ts';
import { runParams } from './wire.ts';

/** Every operation, in the order of its documentation. */
export const codegenOperations: readonly Operation[] = [
  createRun,
  listRuns,
  getRun,
  getRunLogs,
  getRunLogsStable,
  resumeRun,
  resumeRunBeta,
  resumeRunByPath,
  banOperation,
  unbanOperation,
  removeFromPrOperation,
  stopRun,
  generateSetupCommands,
  analyzeSandboxLogs,
  listOrganizations,
  getOrganizationSettings,
  getMe,
  listUsers,
  getUser,
  listModels,
  getCliRules,
  listRepos,
  listRepositories,
  getCheckSuiteSettings,
  setCheckSuiteSettingsOperation,
  editPullRequest,
  editRepoPullRequest,
  listIntegrations,
  listMcpProviders,
  getTokenStatus,
  revokeToken,
  generateSlackToken,
  listTools,
  executeTool,
  getWebhook,
  setWebhook,
  deleteWebhook,
  testWebhook,
  startSession,
  setSessionStatus,
  logSessionLine,
];

/**
 * Words that stand where a run's number may: a GET of such a path means the run of that name, which is not valid.
 * So the vendor's router has it.
 */
const WORDS = ['resume', 'ban', 'unban', 'remove-from-pr'];

/** Operations that are not documented. */
export const wordOperations: readonly Operation[] = WORDS.map((word) => ({
  ...getRun,
  path: getRun.path.replace('{agent_run_id}', word),
  params: withRunId(word),
}));

function withRunId(word: string): z.ZodType<z.output<typeof runParams>> {
  return z.preprocess((params) => Object.assign({ agent_run_id: word }, params), runParams);
}

export const codegenTags: { name: string; description: string }[] = [
  { name: 'Agent runs', description: 'Create agent runs, watch them, resume them, stop them.' },
  { name: 'Organizations and users', description: 'Who is who.' },
  { name: 'Repositories', description: 'Repositories and pull requests: there are none.' },
  { name: 'Integrations', description: 'Connections of the product to others: there are none.' },
  { name: 'Webhooks', description: 'Where agent runs are told to.' },
  { name: 'Sessions of the CLI', description: 'Private operations of the CLI.' },
];
