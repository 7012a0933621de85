import { jsonObjectSchema } from '@fermata/protocol';
import { z } from 'zod';
import {
  integer,
  object,
  oneOf,
  optionalBoolean,
  optionalInteger,
  optionalList,
  optionalObject,
  optionalOneOf,
  optionalText,
  runId,
  text,
  uuid,
  webUrl,
} from './lax-fields.ts';

// ---------------------------------------------------------------------------------------------------------
// What is asked. Members that are not known are ignored.

const orgId = integer('Organization');

export const organizationParams = z.object({ org_id: orgId });
export const runParams = z.object({ org_id: orgId, agent_run_id: runId('Number of the agent run') });
export const userParams = z.object({ org_id: orgId, user_id: integer('Number of the user') });
export const pullRequestParams = z.object({ org_id: orgId, pr_id: integer('Pull request') });
export const repoPullRequestParams = z.object({
  org_id: orgId,
  repo_id: integer('Repository'),
  pr_id: integer('Pull request'),
});
export const sandboxParams = z.object({ org_id: orgId, sandbox_id: integer('Sandbox') });
export const sessionParams = z.object({ org_id: orgId, session_id: uuid('Session of Claude Code') });

const pageShape = {
  skip: optionalInteger('How many to leave out, 0 unless told', { min: 0 }),
  limit: optionalInteger('How many, 100 unless told', { min: 1, max: 100 }),
};
export const pageQuery = z.object(pageShape);
export type PageQuery = z.output<typeof pageQuery>;

/** One client pages by `page` and `size`; they count where the others are absent, and are never a fault. */
export const numberedPageQuery = z.object({
  ...pageShape,
  page: z.string().optional().describe('Extension: page from 1, where skip and limit are absent'),
  size: z.string().optional().describe('Extension: how many, with page'),
});

export const SOURCE_TYPES = [
  'LOCAL',
  'SLACK',
  'GITHUB',
  'GITHUB_CHECK_SUITE',
  'GITHUB_PR_REVIEW',
  'LINEAR',
  'API',
  'CHAT',
  'JIRA',
  'CLICKUP',
  'MONDAY',
  'SETUP_COMMANDS',
] as const;
export type SourceType = (typeof SOURCE_TYPES)[number];

export const listRunsQuery = z.object({
  user_id: optionalInteger('Only runs of this user'),
  source_type: optionalOneOf(SOURCE_TYPES, 'Only runs that came from there', 'enum'),
  ...pageShape,
});

export const logsQuery = z.object({
  ...pageShape,
  reverse: optionalBoolean('Newest first'),
});

const images = optionalList(text('A base64 data URI'), 'Images as base64 data URIs, 25 MB together');
const webhooks = optionalList(
  object(
    z
      .object({ url: webUrl('Where to send to'), secret: optionalText('Secret that signs') })
      .meta({ id: 'AgentRunWebhook' }),
  ),
  'Webhooks of this run, in place of the organization’s',
);
const model = optionalText('Model, a `value` of the list of models');

export const AGENT_TYPES = ['codegen', 'claude_code'] as const;

export const createRunBody = z
  .object({
    prompt: text('What to do'),
    images,
    metadata: optionalObject(jsonObjectSchema.describe('Your own data, echoed')),
    repo_id: optionalInteger('Repository; kept and echoed'),
    model,
    agent_type: optionalOneOf(AGENT_TYPES, 'Kept and echoed'),
    webhooks,
  })
  .meta({ id: 'CreateAgentRunInput' });

const resumeShape = { prompt: text('What to go on with'), images, model, webhooks };
/** Where the run stands in the path. */
export const resumeBody = z.object(resumeShape);
export type ResumeBody = z.output<typeof resumeBody>;
export const resumeRunBody = z
  .object({ agent_run_id: runId('Number of the agent run'), ...resumeShape })
  .meta({ id: 'ResumeAgentRunInput' });

export const stopRunBody = z
  .object({
    agent_run_id: runId('Number of the agent run'),
    before_card_order_id: optionalText('Ignored'),
    after_card_order_id: optionalText('Ignored'),
  })
  .meta({ id: 'StopAgentRunInput' });

export const betaStopBody = z.object({ agent_run_id: runId('Number of the agent run') });

export const repoQuery = z.object({ repo_id: integer('Repository') });
export const checkSuiteBody = z
  .object({
    check_retry_count: optionalInteger('How often a failed check is tried again', { min: 0, max: 10 }),
    ignored_checks: optionalList(text('Name of a check'), 'Checks that are ignored'),
    check_retry_counts: optionalObject(
      z.record(z.string(), integer('How often')).describe('Retries by check'),
    ),
    custom_prompts: optionalObject(z.record(z.string(), text('A prompt')).describe('Prompts by check')),
    high_priority_apps: optionalList(text('Name of an app'), 'Apps that go first'),
  })
  .meta({ id: 'CheckSuiteSettingsRequest' });

export const editPullRequestBody = z
  .object({ state: oneOf(['open', 'closed', 'draft', 'ready_for_review'], 'New state') })
  .meta({ id: 'EditPRInput' });

export const setupCommandsBody = z
  .object({
    repo_id: integer('Repository; kept and echoed'),
    prompt: optionalText('Further instructions'),
    trigger_source: optionalText('Where it comes from, setup-commands unless told'),
  })
  .meta({ id: 'SetupCommandsInput' });

export const providerQuery = z.object({ provider: text('Provider'), org_id: orgId });
export const organizationQuery = z.object({ org_id: orgId });
export const slackConnectBody = z.object({ org_id: orgId }).meta({ id: 'SlackConnectInput' });

export const webhookBody = z
  .object({
    url: webUrl('Where to send to'),
    secret: optionalText('Secret that signs; absent: as before'),
    enabled: optionalBoolean('On unless told'),
  })
  .meta({ id: 'WebhookConfigInput' });
export const webhookTestBody = z.object({ url: webUrl('Where to send to') }).meta({ id: 'WebhookTestInput' });

export const sessionBody = z.object({ session_id: uuid('Session of Claude Code') });
export const sessionStatusBody = z.object({
  status: oneOf(['ACTIVE', 'COMPLETE', 'ERROR', 'CANCELLED'], 'Status of the session'),
});
export const sessionLogBody = z.object({
  log: object(jsonObjectSchema.describe('A line of the transcript')),
});

export const toolsQuery = z.object({ repo_id: optionalInteger('Repository') });
export const executeToolBody = z.object({
  tool_name: text('Tool'),
  arguments: optionalObject(jsonObjectSchema.describe('Arguments')),
  repo_id: optionalInteger('Repository'),
});

// ---------------------------------------------------------------------------------------------------------
// What is answered.

const nullableText = z.string().nullable();
const count = z.number().int();

/** Of the values that clients know; never another one, and never null. */
export const RUN_STATUSES = [
  'ACTIVE',
  'COMPLETE',
  'ERROR',
  'EVALUATION',
  'CANCELLED',
  'TIMEOUT',
  'MAX_ITERATIONS_REACHED',
  'OUT_OF_TOKENS',
  'FAILED',
  'PAUSED',
  'PENDING',
] as const;
export type RunStatusText = (typeof RUN_STATUSES)[number];

export const pullRequestSchema = z
  .object({
    id: count,
    title: nullableText,
    url: nullableText,
    created_at: z.string(),
    head_branch_name: nullableText,
  })
  .meta({ id: 'GithubPullRequestResponse' });

const runShape = {
  id: count.describe('Number of the run'),
  organization_id: count,
  status: z.enum(RUN_STATUSES),
  created_at: z.string().describe('RFC 3339 UTC'),
  web_url: z.string(),
  result: nullableText.describe('Final answer; null until the run has ended'),
  metadata: jsonObjectSchema.describe('As it was given'),
};

export const agentRunSchema = z
  .object({
    ...runShape,
    summary: nullableText.describe('What a client set, else the title'),
    source_type: z.enum(SOURCE_TYPES),
    github_pull_requests: z.array(pullRequestSchema),
    repo_id: count.nullable().describe('Extension: as it was given'),
    agent_type: z.enum(AGENT_TYPES).nullable().describe('Extension: as it was given'),
  })
  .meta({ id: 'AgentRunResponse' });
export type AgentRunBody = z.output<typeof agentRunSchema>;

/** What ban, unban and remove-from-pr answer: nobody has published it, so every known parser is satisfied. */
export const banSchema = agentRunSchema.extend({
  agent_run_id: count,
  message: z.string(),
  status_code: z.literal(200),
});

export const MESSAGE_TYPES = [
  'ACTION',
  'PLAN_EVALUATION',
  'FINAL_ANSWER',
  'ERROR',
  'USER_MESSAGE',
  'AGENT_RUN_LINK',
] as const;

export const logEntrySchema = z
  .object({
    agent_run_id: count,
    created_at: z.string(),
    tool_name: nullableText,
    message_type: z.enum(MESSAGE_TYPES),
    thought: nullableText,
    observation: z.union([z.string(), jsonObjectSchema]).nullable(),
    tool_input: jsonObjectSchema.nullable(),
    tool_output: jsonObjectSchema.nullable(),
  })
  .meta({ id: 'AgentRunLogResponse' });
export type LogEntry = z.output<typeof logEntrySchema>;

export const runWithLogsSchema = z
  .object({
    ...runShape,
    logs: z.array(logEntrySchema),
    total_logs: count,
    page: count,
    size: count,
    pages: count,
  })
  .meta({ id: 'AgentRunWithLogsResponse' });

/** A page of a list, with its place. */
export function pageSchema<T extends z.ZodType>(item: T): z.ZodType {
  return z.object({ items: z.array(item), total: count, page: count, size: count, pages: count });
}

export const userSchema = z
  .object({
    id: count,
    email: nullableText,
    github_user_id: z.string(),
    github_username: z.string(),
    avatar_url: nullableText,
    full_name: nullableText,
    role: z.enum(['ADMIN', 'MANAGER', 'MEMBER']),
    is_admin: z.boolean(),
  })
  .meta({ id: 'UserResponse' });

export const organizationSettingsSchema = z
  .object({ enable_pr_creation: z.boolean(), enable_rules_detection: z.boolean() })
  .meta({ id: 'OrganizationSettings' });
export const organizationSchema = z
  .object({ id: count, name: z.string(), settings: organizationSettingsSchema })
  .meta({ id: 'OrganizationResponse' });

export const modelsSchema = z
  .object({
    providers: z.array(
      z.object({ name: z.string(), models: z.array(z.object({ label: z.string(), value: z.string() })) }),
    ),
    default_model: z.string(),
  })
  .meta({ id: 'ModelsResponse' });

export const cliRulesSchema = z
  .object({ organization_rules: nullableText, user_custom_prompt: nullableText })
  .meta({ id: 'CLIRulesResponse' });

export const repoSchema = z
  .object({
    id: count,
    name: z.string(),
    full_name: z.string(),
    description: nullableText,
    github_id: z.string(),
    organization_id: count,
    visibility: nullableText,
    archived: z.boolean().nullable(),
    setup_status: z.string(),
    language: nullableText,
  })
  .meta({ id: 'RepoResponse' });

export const checkSuiteSettingsSchema = z
  .object({
    check_retry_count: count,
    ignored_checks: z.array(z.string()),
    check_retry_counts: z.record(z.string(), count),
    custom_prompts: z.record(z.string(), z.string()),
    high_priority_apps: z.array(z.string()),
    available_check_suite_names: z.array(z.string()),
  })
  .meta({ id: 'CheckSuiteSettingsResponse' });
export type CheckSuiteSettings = z.output<typeof checkSuiteSettingsSchema>;

export const editPullRequestSchema = z
  .object({
    success: z.boolean(),
    url: nullableText,
    number: count.nullable(),
    title: nullableText,
    state: nullableText,
    error: nullableText,
  })
  .meta({ id: 'EditPRResponse' });

export const setupCommandsSchema = z
  .object({ agent_run_id: count, status: z.enum(RUN_STATUSES), url: z.string() })
  .meta({ id: 'SetupCommandsResponse' });

export const sandboxLogsSchema = z
  .object({ agent_run_id: count, status: z.enum(RUN_STATUSES), message: z.string() })
  .meta({ id: 'SandboxLogAnalysisResponse' });

export const integrationsSchema = z
  .object({
    organization_id: count,
    organization_name: z.string(),
    integrations: z.array(
      z.object({
        integration_type: z.string(),
        active: z.boolean(),
        token_id: count.nullable(),
        installation_id: count.nullable(),
        metadata: jsonObjectSchema.nullable(),
      }),
    ),
    total_active_integrations: count,
  })
  .meta({ id: 'OrganizationIntegrationsResponse' });

export const mcpProvidersSchema = z.array(
  z
    .object({
      id: count,
      name: z.string(),
      issuer: z.string(),
      authorization_endpoint: z.string(),
      token_endpoint: z.string(),
      default_scopes: z.array(z.string()).nullable(),
      is_mcp: z.boolean(),
      meta: jsonObjectSchema.nullable(),
    })
    .meta({ id: 'OAuthProviderResponse' }),
);

export const tokenStatusSchema = z.array(z.string());

/** What could not be done, in the words of the answer itself. */
export const notDoneSchema = z.object({ success: z.boolean(), error: nullableText });

export const slackTokenSchema = z
  .object({ token: z.string(), message: z.string(), expires_in_minutes: count })
  .meta({ id: 'SlackConnectResponse' });

export const webhookConfigSchema = z
  .object({ url: nullableText, enabled: z.boolean(), has_secret: z.boolean() })
  .meta({ id: 'WebhookConfigResponse' });
export const messageSchema = z.object({ message: z.string() });
export const webhookTestSchema = z.object({
  success: z.boolean(),
  status_code: count.nullable().describe('What the other side answered'),
  error: nullableText,
});

export const sessionSchema = z.object({ agent_run_id: count });
export const toolsSchema = z.object({
  tools: z.array(
    z.object({
      name: z.string(),
      description: z.string(),
      category: z.string(),
      parameters: jsonObjectSchema,
    }),
  ),
  total_count: count,
});
export const executedToolSchema = z.object({
  success: z.boolean(),
  tool_name: z.string(),
  result: z.unknown(),
  error: nullableText,
  execution_time_ms: z.number().nullable(),
});

/** One fault of a request. */
export const validationItemSchema = z
  .object({
    loc: z.array(z.union([z.string(), z.number()])).describe('Where'),
    msg: z.string().describe('What'),
    type: z.string().describe('Of what kind'),
  })
  .meta({ id: 'ValidationError' });
export type ValidationItem = z.output<typeof validationItemSchema>;

/** Every error; of a request that is not valid `detail` is the list of its faults, and stands alone. */
export const errorBodySchema = z
  .object({
    message: z.string().optional().describe('What happened'),
    status_code: count.optional().describe('The HTTP status'),
    detail: z
      .union([z.string(), z.array(validationItemSchema)])
      .describe('The same as message, or the faults'),
  })
  .meta({ id: 'ErrorResponse' });
export type ErrorBody = z.output<typeof errorBodySchema>;
