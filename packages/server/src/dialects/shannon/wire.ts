// Shannon's bodies and replies, for checks and for the documentation.
import { jsonObjectSchema } from '@fermata/protocol';
import { z } from 'zod';

export const MODES: readonly string[] = ['simple', 'standard', 'complex', 'supervisor'];
export const TIERS: readonly string[] = ['small', 'medium', 'large'];
export const STRATEGIES: readonly string[] = ['quick', 'standard', 'deep', 'academic'];
export const PROVIDERS: readonly string[] = [
  'openai',
  'anthropic',
  'google',
  'groq',
  'xai',
  'deepseek',
  'qwen',
  'zai',
  'kimi',
  'minimax',
  'ollama',
  'mistral',
  'cohere',
];
/** Values of the list filter. */
export const STATUS_FILTERS: readonly string[] = [
  'QUEUED',
  'RUNNING',
  'PAUSED',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'CANCELED',
  'TIMEOUT',
];

const text = z.string();
const count = z.number().int();

export const submitBody = z
  .looseObject({
    query: text.optional().describe('The task; may be empty only with context.attachments'),
    session_id: text.optional().describe('UUID or a key of your own; absent: a new session'),
    context: jsonObjectSchema.optional().describe('Free; known keys are read'),
    mode: z.enum(['simple', 'standard', 'complex', 'supervisor']).optional().describe('How big the task is'),
    model_tier: z.enum(['small', 'medium', 'large']).optional().describe('Tier of models'),
    model_override: text.optional().describe('Model, also script/…'),
    provider_override: text.optional().describe('Provider of model_override'),
    research_strategy: z.enum(['quick', 'standard', 'deep', 'academic']).optional().describe('Strategy'),
    max_iterations: count.min(1).max(50).optional().describe('Model calls'),
    max_concurrent_agents: count.min(1).max(20).optional().describe('Accepted and echoed'),
    enable_verification: z.boolean().optional().describe('Accepted and echoed'),
  })
  .describe('A task');
export const reasonBody = z
  .looseObject({ reason: text.optional().describe('Why') })
  .describe('Anything else counts as no reason');

export const submitReply = z.object({
  task_id: text,
  workflow_id: text,
  status: z.literal('STATUS_CODE_OK'),
  message: text,
  created_at: text,
});
export const submitStreamReply = z.object({ workflow_id: text, task_id: text, stream_url: text });
export const controlReply = z.object({ success: z.literal(true), message: text, task_id: text });
export const cancelReply = z.object({ success: z.literal(true), message: text });
export const controlStateReply = z.strictObject({
  is_paused: z.boolean(),
  is_cancelled: z.boolean(),
  paused_at: text,
  pause_reason: text,
  paused_by: text,
  cancel_reason: text,
  cancelled_by: text,
});
export const taskReply = z.looseObject({
  task_id: text,
  workflow_id: text,
  status: text,
  created_at: text,
  updated_at: text,
});
export const taskListReply = z.object({
  tasks: z.array(z.looseObject({ task_id: text, query: text, status: text, created_at: text })),
  total_count: count,
});
export const eventSchema = z.object({
  workflow_id: text,
  type: text,
  agent_id: text.optional(),
  message: text.optional(),
  payload: jsonObjectSchema.optional(),
  timestamp: text,
  seq: count,
  stream_id: text,
});
export const eventsReply = z.object({ events: z.array(eventSchema), count });
export const approvalBody = z.looseObject({
  workflow_id: text,
  approval_id: text,
  approved: z.boolean().optional(),
  run_id: text.optional(),
  feedback: text.optional(),
  modified_action: text.optional(),
  approved_by: text.optional(),
});
export const approvalReply = z.object({
  status: text,
  success: z.boolean(),
  message: text,
  workflow_id: text,
  run_id: text,
  approval_id: text,
});
export const approvalsReply = z.object({
  approvals: z.array(
    z.object({
      approval_id: text,
      workflow_id: text,
      tool: text,
      args: z.unknown(),
      reason: text,
      requested_at: text,
    }),
  ),
});
export const reviewBody = z.looseObject({ action: text, message: text.optional() });
export const reviewState = z.object({
  status: z.enum(['reviewing', 'approved']),
  round: count,
  version: count,
  current_plan: text,
  rounds: z.array(z.object({ role: text, message: text, timestamp: text })),
  query: text,
});
export const reviewReply = z.looseObject({ status: text });
export const errorBody = z
  .looseObject({ error: text })
  .meta({ id: 'ShannonError' })
  .describe('What went wrong');
export const openObject = jsonObjectSchema;
