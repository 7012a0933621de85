import { jsonObjectSchema, looseJsonSchema } from '@fermata/protocol';
import { z } from 'zod';
import { clientToolSchema } from './client-tools.ts';
import { wireMessageSchema } from './decode-messages.ts';

const executionId = z.string().min(1).max(200).describe('The execution, exec_<uuid>');
const streamResponse = z.boolean().default(true).describe('false: answer with JSON');
const map = jsonObjectSchema;

/** Source: wire section 2.1. Members that are not known are ignored. */
export const dispatchBodySchema = z
  .object({
    flow: map.optional().describe('{id} of a saved flow, or {name, steps}'),
    flowId: z.string().min(1).max(200).optional().describe('Saved flow'),
    agent: map.optional().describe('{agentId} of a saved agent, or {model, systemPrompt, tools, …}'),
    record: map.optional().describe('{name, type, metadata}: `_record` of the templates'),
    messages: z.array(wireMessageSchema).max(5_000).default([]).describe('The conversation so far'),
    inputs: map.optional().describe('Variables of the templates'),
    secrets: z.record(z.string(), z.string()).optional().describe('`{{secrets.<name>}}`; never in the log'),
    clientTools: z.array(clientToolSchema).max(200).optional().describe('Tools of the page or host'),
    clientToolsPolicy: z
      .object({ allowlist: z.array(z.string()).optional() })
      .optional()
      .describe('Which of them are used'),
    context: looseJsonSchema.optional().describe('The host’s own data'),
    metadata: map.optional().describe('The host’s own data, kept as the run’s metadata'),
    conversationId: z.string().min(1).max(200).optional().describe('The host’s conversation'),
    options: z
      .object({
        streamResponse,
        modelOverride: z.string().min(1).max(200).optional().describe('In place of every model'),
        autoAppendMetadata: z.boolean().optional().describe('Tell the model the record’s metadata'),
        flowMode: z
          .enum(['virtual', 'existing', 'create', 'upsert'])
          .optional()
          .describe('By the shape of flow'),
        recordMode: z.enum(['virtual', 'existing', 'create']).optional().describe('By the shape of record'),
      })
      .default({ streamResponse: true })
      .describe('How to answer, and what to override'),
  })
  .meta({ id: 'DispatchRequest' })
  .describe('What to run');
export type DispatchBody = z.output<typeof dispatchBodySchema>;

/** Source: wire section 2.2. */
export const resumeBodySchema = z
  .object({
    executionId,
    toolOutputs: map.optional().describe('By tool call id, `webmcp:<name>` or tool name'),
    messages: z.array(wireMessageSchema).max(5_000).optional().describe('Appended after the outputs'),
    streamResponse,
  })
  .meta({ id: 'ResumeRequest' })
  .describe('Answers to what an execution waits for');
export type ResumeBody = z.output<typeof resumeBodySchema>;

/** Source: wire section 2.3. */
export const approveBodySchema = z
  .object({
    executionId,
    approvalId: z.string().min(1).max(200).describe('As `approval_start` named it'),
    decision: z.enum(['approved', 'denied']).describe('The decision'),
    reason: z.string().max(10_000).optional().describe('Why; the model sees the reason of a denial'),
    streamResponse,
  })
  .meta({ id: 'ApproveRequest' })
  .describe('A decision');
export type ApproveBody = z.output<typeof approveBodySchema>;

/** Source: wire section 2.4. */
export const continueBodySchema = z
  .object({
    executionId,
    continuation: map.describe('{toolOutputs, messages}, or {approvalId, decision, reason}'),
    streamResponse,
  })
  .meta({ id: 'ContinueRequest' })
  .describe('One of the two');
export type ContinueBody = z.output<typeof continueBodySchema>;

/** Source: wire section 2.5. */
export const executeBodySchema = z
  .object({
    messages: z.array(wireMessageSchema).min(1).max(5_000).describe('The conversation so far'),
    inputs: map.optional().describe('Variables of the templates'),
    clientTools: z.array(clientToolSchema).max(200).optional().describe('Tools of the page or host'),
    metadata: map.optional().describe('The host’s own data'),
    conversationId: z.string().min(1).max(200).optional().describe('The host’s conversation'),
    options: z.object({ streamResponse }).default({ streamResponse: true }).describe('How to answer'),
  })
  .meta({ id: 'ExecuteRequest' })
  .describe('A conversation with a saved agent');
export type ExecuteBody = z.output<typeof executeBodySchema>;

/** Source: wire section 4: the envelope; the members of each type are in the dialect's README. */
export const frameSchema = z
  .looseObject({
    type: z.string().describe('execution_start, turn_start, text_delta, await, approval_start, …'),
    executionId: z.string().describe('The execution'),
    seq: z.number().int().describe('Grows from frame to frame'),
  })
  .meta({ id: 'UnifiedEvent' })
  .describe('A frame of the unified stream');

/** Source: wire section 2.8. */
export const executionReplySchema = z
  .object({
    success: z.boolean().describe('It has not failed'),
    executionId: z.string().describe('The execution'),
    status: z.enum(['completed', 'paused', 'failed', 'cancelled', 'running']).describe('Where it stands'),
    result: z.string().optional().describe('Text of the answer'),
    finalOutput: looseJsonSchema.optional().describe('Output, once it is complete'),
    stopReason: z.string().optional().describe('complete, max_turns, max_cost or timeout'),
    iterations: z.number().int().optional().describe('Model calls'),
    totalTokens: z
      .object({ input: z.number().int().describe('Read'), output: z.number().int().describe('Written') })
      .optional()
      .describe('Tokens'),
    totalCost: z.number().optional().describe('US dollars'),
    pausedReason: jsonObjectSchema
      .optional()
      .describe('{type: await|approval|hold, executionId, awaits, approvals}'),
    error: z
      .object({ code: z.string().describe('Code'), message: z.string().describe('What happened') })
      .optional()
      .describe('Why it failed'),
    code: z.string().optional().describe('Code of the error'),
  })
  .meta({ id: 'ExecutionReply' })
  .describe('An execution, as far as it has come');
export type ExecutionReply = z.infer<typeof executionReplySchema>;
