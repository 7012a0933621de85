import { z } from 'zod';
import { jsonObjectSchema, looseJsonSchema, type JsonObject } from './json.ts';
import { limitsSchema, onLimitSchema, onProviderFailureSchema } from './limits.ts';
import { agentFallbackSchema, modelSettingsSchema, toolChoiceSchema } from './model-settings.ts';

/** One comparison on a tool call's arguments. `path` is dotted, `to.0.domain`; a missing value never matches. */
export const ruleConditionSchema = z
  .strictObject({
    path: z.string().min(1).describe('Dotted path into the arguments'),
    op: z
      .enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains', 'matches', 'exists'])
      .describe('Comparison'),
    value: looseJsonSchema.optional().describe('What to compare with'),
  })
  .describe('One comparison on the arguments');
export const ruleSchema = z
  .union([
    z.strictObject({ all: z.array(ruleConditionSchema).describe('Every comparison must hold') }),
    z.strictObject({ any: z.array(ruleConditionSchema).describe('One comparison must hold') }),
    ruleConditionSchema,
  ])
  .describe('When an approval is needed');
export type Rule = z.infer<typeof ruleSchema>;
export type RuleCondition = z.infer<typeof ruleConditionSchema>;

export const approvalPolicySchema = z
  .union([
    z.enum(['never', 'always']),
    z.strictObject({
      when: ruleSchema.optional().describe('Approval is needed when this holds; absent: always'),
      approvers: z.array(z.string()).optional().describe('Roles, groups or principal ids that may decide'),
    }),
  ])
  .describe('Whether a call waits for an approval: never, always, or a rule on its arguments');
export type ApprovalPolicy = z.infer<typeof approvalPolicySchema>;

export const deadlineStepSchema = z
  .strictObject({
    after: z.number().positive().describe('Seconds after the wait was opened, less stopped time'),
    notify: z.string().optional().describe('Whom to notify'),
    assign: z.string().optional().describe('Whom to assign the wait to'),
    decide: jsonObjectSchema.optional().describe('The answer to give, in the shape of answerWait'),
    expire: z.literal(true).optional().describe('Expire the wait'),
  })
  .describe('One step of a deadline ladder');
export type DeadlineStep = z.infer<typeof deadlineStepSchema>;

export const onExpireSchema = z
  .enum(['continue', 'fail'])
  .describe('When nobody answered in time: the model goes on, or the run fails timed_out');

export const afterCrashSchema = z
  .enum(['retry', 'ask'])
  .describe('What to do with a call of which nobody knows whether it happened');

export const httpToolSchema = z
  .strictObject({
    url: z.string().describe('URL; {{name}} is replaced by the argument, URL-encoded'),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST').describe('HTTP method'),
    headers: z
      .record(z.string(), z.string())
      .optional()
      .describe('Headers; {{secrets.name}} is replaced by a secret of the run'),
    query: z.record(z.string(), z.string()).optional().describe('Query parameters, templated'),
    body: looseJsonSchema
      .optional()
      .describe('JSON body, templated; absent: the arguments themselves (not for GET and HEAD)'),
  })
  .describe('The request of an http tool');
export type HttpTool = z.infer<typeof httpToolSchema>;

export const BUILTIN_TOOLS = [
  'ask_user',
  'sleep_until',
  'delegate',
  'create_plan',
  'update_step',
  'propose_plan',
] as const;

/** The agent or flow that every call of a tool of type `run` starts; exactly one of the two. */
export interface ToolRun {
  agent?: string | AgentFields | undefined;
  flow?: string | JsonObject | undefined;
}

export const toolRunSchema: z.ZodType<ToolRun> = z.lazy(() =>
  z
    .strictObject({
      agent: z
        .union([z.string().min(1).max(200), agentFieldsSchema])
        .optional()
        .describe('Id of a saved agent, looked up at each call, or one inline'),
      flow: z
        .union([z.string().min(1).max(200), jsonObjectSchema])
        .optional()
        .describe('Id of a saved flow, looked up at each call, or one inline'),
    })
    .refine(({ agent, flow }) => (agent === undefined) !== (flow === undefined), {
      error: 'give either agent or flow',
    })
    .describe('The agent or flow of the child run that a call starts; the arguments are its input'),
);

export const toolSchema = z
  .strictObject({
    type: z
      .enum(['client', 'http', 'mcp', 'builtin', 'run'])
      .describe(
        'client: the caller executes. http: a request. mcp: a tool of an MCP server. builtin: ours. run: a child run',
      ),
    name: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/)
      .describe('Name that the model calls'),
    description: z.string().optional().describe('What it does, for the model'),
    inputSchema: jsonObjectSchema.optional().describe('JSON Schema 2020-12 of the arguments'),
    approval: approvalPolicySchema.optional(),
    afterCrash: afterCrashSchema.optional(),
    idempotent: z.boolean().optional().describe('Doing it twice is the same as doing it once'),
    deadline: z.array(deadlineStepSchema).optional().describe('Deadline ladder of its waits'),
    approvalDeadline: z
      .array(deadlineStepSchema)
      .optional()
      .describe('Deadline ladder of its approval; absent: that of its other waits'),
    onExpire: onExpireSchema.optional(),
    timeoutMs: z.number().int().positive().max(3_600_000).optional().describe('Time-out of one request, ms'),
    http: httpToolSchema.optional(),
    server: z.string().optional().describe('mcp: name of the entry in mcpServers'),
    run: toolRunSchema.optional(),
    maxCalls: z
      .number()
      .int()
      .positive()
      .max(10_000)
      .optional()
      .describe('Calls of it in one run at most; a further one is an error that the model sees'),
    mustCall: z
      .boolean()
      .optional()
      .describe('The run does not finish before it was called: the model is made to call it, once'),
  })
  .describe('A tool that the model may call');
export type Tool = z.infer<typeof toolSchema>;

export const toolRuleSchema = toolSchema
  .pick({ approval: true, approvalDeadline: true, maxCalls: true, mustCall: true })
  .describe('What holds for a tool, whatever it says itself');
export type ToolRule = z.infer<typeof toolRuleSchema>;

export const mcpServerSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,40}$/)
      .describe('Name, unique within the agent'),
    url: z.string().describe('Streamable HTTP endpoint'),
    headers: z.record(z.string(), z.string()).optional().describe('Headers; {{secrets.name}} is replaced'),
    tools: z.array(z.string()).optional().describe('Only these tools; absent: all'),
    approval: approvalPolicySchema.optional(),
    afterCrash: afterCrashSchema.optional(),
    timeoutMs: z.number().int().positive().max(3_600_000).optional().describe('Time-out of one call, ms'),
  })
  .describe('An MCP server whose tools the agent may use');
export type McpServer = z.infer<typeof mcpServerSchema>;

/** One turn of a `script/…` model: typed and strict, so that a demo or a user's own test is deterministic. */
export const scriptTurnSchema = z
  .strictObject({
    text: z.string().optional().describe('Text of the answer; {{input}} is the last user message'),
    deltas: z.array(z.string()).optional().describe('The text in these pieces'),
    reasoning: z.string().optional().describe('Reasoning text'),
    toolCalls: z
      .array(
        z.strictObject({
          tool: z.string().describe('Tool name'),
          args: looseJsonSchema.optional().describe('Arguments'),
        }),
      )
      .optional()
      .describe('Calls that the model asks for'),
    delayMs: z.number().int().min(0).max(600_000).optional().describe('Wait before the first delta, ms'),
    deltaDelayMs: z.number().int().min(0).max(60_000).optional().describe('Wait between deltas, ms'),
    error: z
      .strictObject({
        status: z.number().int().optional().describe('HTTP status as if from a provider'),
        message: z.string().optional().describe('Message'),
        retryAfterMs: z.number().int().optional().describe('As if Retry-After were sent, ms'),
        times: z.number().int().positive().optional().describe('Fail this many attempts, then go on'),
      })
      .optional()
      .describe('Fail instead of answering'),
    usage: z
      .strictObject({
        inputTokens: z.number().int().min(0).describe('Input tokens'),
        outputTokens: z.number().int().min(0).describe('Output tokens'),
      })
      .optional()
      .describe('Usage to report; absent: counted in words'),
  })
  .describe('One turn of a scripted model');
export type ScriptTurn = z.infer<typeof scriptTurnSchema>;

export const agentFieldsSchema = z.strictObject({
  name: z.string().min(1).max(200).optional().describe('Name'),
  model: z.string().min(1).max(200).optional().describe('provider/name, an alias, or script/…'),
  script: z.array(scriptTurnSchema).optional().describe('Turns of a script/… model, with that model only'),
  instructions: z.string().optional().describe('System prompt'),
  tools: z.array(toolSchema).optional().describe('Tools'),
  mcpServers: z.array(mcpServerSchema).optional().describe('MCP servers'),
  toolRules: z
    .record(z.string().min(1).max(200), toolRuleSchema)
    .optional()
    .describe(
      'What holds for tools by name, wherever they come from (the agent, a server, a request); *: for all others but built-in ones',
    ),
  limits: limitsSchema.optional(),
  onLimit: onLimitSchema.optional(),
  onProviderFailure: onProviderFailureSchema.optional(),
  settings: modelSettingsSchema.optional(),
  toolChoice: toolChoiceSchema.optional(),
  parallelToolCalls: z
    .boolean()
    .optional()
    .describe('Whether one answer may ask for several calls; for providers that let it be set'),
  fallbacks: z
    .array(agentFallbackSchema)
    .max(20)
    .optional()
    .describe('Tried in this order when the model provider has failed a turn, before onProviderFailure'),
  output: jsonObjectSchema.optional().describe('JSON Schema of a structured result'),
  metadata: jsonObjectSchema.optional().describe('The caller’s own data'),
});
export type AgentFields = z.infer<typeof agentFieldsSchema>;

/** The agent as a run carries it: resolved, pinned to a version. */
export const runAgentSchema = agentFieldsSchema
  .extend({
    id: z.string().nullable().describe('Id of the saved agent, or null for an inline one'),
    name: z.string().describe('Name'),
    model: z.string().describe('Model with which the run started'),
    version: z.number().int().nullable().describe('Version of the saved agent, or null'),
  })
  .describe('The agent of a run, pinned');
export type RunAgent = z.infer<typeof runAgentSchema>;
