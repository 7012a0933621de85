import { jsonObjectSchema, looseJsonSchema } from '@fermata/protocol';
import { z } from 'zod';

const reasoning = z
  .union([
    z.boolean(),
    z.object({
      enabled: z.boolean().default(true).describe('Whether the model thinks first'),
      reasoningEffort: z.enum(['minimal', 'low', 'medium', 'high', 'xhigh']).optional().describe('How much'),
      budgetTokens: z.number().int().min(1000).max(100_000).optional().describe('Tokens for it'),
      thinkingBudget: z.number().int().min(1024).max(65_536).optional().describe('The same'),
    }),
  ])
  .describe('Whether and how much the model thinks before it answers');

/** Settings that agents and prompt steps share. Source: wire sections 7.2 and 8.1. */
export const modelMembers = {
  temperature: z.number().min(0).max(2).optional().describe('Sampling temperature'),
  topP: z.number().min(0).max(1).optional().describe('Nucleus sampling'),
  topK: z.number().int().min(1).max(500).optional().describe('Most likely tokens'),
  frequencyPenalty: z.number().min(-2).max(2).optional().describe('Against repetition'),
  presencePenalty: z.number().min(-2).max(2).optional().describe('Against repetition'),
  seed: z.number().int().optional().describe('Seed'),
  maxTokens: z.number().int().positive().optional().describe('Tokens of one answer at most'),
  reasoning: reasoning.optional(),
};
export type ModelMembers = z.output<z.ZodObject<typeof modelMembers>>;

const delay = z.number().int().min(0).max(60_000).optional().describe('Before it is tried, ms');

export const errorHandlingSchema = z
  .object({
    onError: z.enum(['fail', 'continue', 'fallback']).optional().describe('What then'),
    fallbacks: z
      .array(
        z.object({
          type: z.enum(['retry', 'model', 'message', 'flow']).describe('What to try'),
          model: z.string().min(1).max(200).optional().describe('model: which'),
          message: z.string().optional().describe('message: the answer to give'),
          flowId: z.string().min(1).max(200).optional().describe('flow: a saved one'),
          flow: looseJsonSchema.optional().describe('flow: id, {id}, or one inline'),
          delay,
        }),
      )
      .max(20)
      .optional()
      .describe('Tried in this order'),
    triggers: z
      .array(z.object({ type: z.enum(['error', 'empty-output']).describe('What counts') }))
      .optional()
      .describe('What counts as failed'),
  })
  .describe('What a failure does');
export type ErrorHandling = z.output<typeof errorHandlingSchema>;

export const runtimeToolSchema = z
  .object({
    name: z.string().min(1).max(200).describe('Name'),
    description: z.string().describe('What it does, for the model'),
    toolType: z
      .enum(['flow', 'custom', 'external', 'local', 'advisor', 'subagent', 'search'])
      .describe('external, local, flow and subagent are carried out'),
    parametersSchema: jsonObjectSchema.optional().describe('JSON Schema of its parameters'),
    config: jsonObjectSchema.default({}).describe('By type'),
  })
  .describe('A tool that the request brings along');
export type RuntimeTool = z.output<typeof runtimeToolSchema>;

export const authSchema = z
  .object({
    type: z.enum(['api_key', 'bearer', 'basic', 'custom_header', 'none']).describe('How'),
    token: z.string().optional().describe('Secret'),
    headerName: z.string().optional().describe('Header of the secret'),
    username: z.string().optional().describe('basic'),
    password: z.string().optional().describe('basic'),
  })
  .describe('Credentials; kept encrypted while the run lives');

const mcpServerSchema = z
  .object({
    id: z.string().min(1).max(200).describe('Id'),
    url: z.string().min(1).describe('Endpoint'),
    name: z.string().optional().describe('Name'),
    transport: z.enum(['streamable_http', 'rest']).optional().describe('streamable_http'),
    auth: authSchema.optional(),
    allowedTools: z.array(z.string()).optional().describe('Only these'),
    timeout: z.number().int().positive().max(3_600_000).optional().describe('Of one call, ms'),
    enabled: z.boolean().optional().describe('false: not used'),
  })
  .describe('An MCP server');
export type WireMcpServer = z.output<typeof mcpServerSchema>;

/** Source: wire section 8.2. */
export const toolsSchema = z
  .object({
    toolIds: z.array(z.string()).optional().describe('Saved tools: none here'),
    runtimeTools: z.array(runtimeToolSchema).max(200).optional().describe('Tools of this request'),
    mcpServers: z.array(mcpServerSchema).max(50).optional().describe('MCP servers'),
    maxToolCalls: z.number().int().min(1).max(100).optional().describe('Calls of one run at most'),
    toolCallStrategy: z
      .enum(['auto', 'required', 'none'])
      .optional()
      .describe('Whether the model calls tools'),
    parallelCalls: z.boolean().optional().describe('Several calls in one answer'),
    perToolLimits: z
      .record(
        z.string(),
        z.object({
          maxCalls: z.number().int().positive().max(10_000).optional().describe('At most'),
          required: z.boolean().optional().describe('It must be called'),
        }),
      )
      .optional()
      .describe('By tool'),
    approval: z
      .object({
        require: z
          .union([z.array(z.string()), z.boolean()])
          .optional()
          .describe('Which tools, or all'),
        timeout: z.number().positive().max(31_536_000_000).optional().describe('Denied after, ms'),
      })
      .optional()
      .describe('Calls that wait for an approval'),
    subagentConfig: z.unknown().optional().describe('Not supported'),
    codeModeConfig: z.unknown().optional().describe('Not supported'),
  })
  .describe('Tools');
export type WireTools = z.output<typeof toolsSchema>;

/** Source: wire section 8.1. */
export const wireAgentSchema = z
  .object({
    agentId: z.string().min(1).max(200).optional().describe('Saved agent'),
    id: z.string().min(1).max(200).optional().describe('The same'),
    name: z.string().min(1).max(200).optional().describe('Name'),
    model: z.string().min(1).max(200).optional().describe('Model'),
    systemPrompt: z.string().optional().describe('Instructions; {{name}} is filled from inputs'),
    ...modelMembers,
    responseFormat: looseJsonSchema
      .optional()
      .describe('{type: json_schema, schema} gives a structured result'),
    loopConfig: z
      .object({
        maxTurns: z.number().int().min(1).max(100).optional().describe('Model calls at most'),
        maxCost: z.number().min(0).optional().describe('US dollars at most; 0: no limit'),
      })
      .optional()
      .describe('How far it may go'),
    tools: toolsSchema.optional(),
    errorHandling: errorHandlingSchema.optional(),
    advisor: z.unknown().optional().describe('Not supported'),
    artifacts: z.unknown().optional().describe('Not supported'),
  })
  .describe('An agent');
export type WireAgent = z.output<typeof wireAgentSchema>;
