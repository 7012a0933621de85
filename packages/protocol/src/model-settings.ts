import { z } from 'zod';

export const reasoningSchema = z
  .union([
    z.boolean(),
    z.strictObject({
      effort: z
        .enum(['minimal', 'low', 'medium', 'high', 'xhigh'])
        .optional()
        .describe('How much the model thinks. Default medium'),
      budgetTokens: z
        .number()
        .int()
        .min(1_000)
        .max(100_000)
        .optional()
        .describe('Tokens for thinking, where the provider counts them; goes before effort there'),
    }),
  ])
  .describe(
    'Whether and how much the model thinks before it answers; absent: as the provider does by itself',
  );
export type Reasoning = z.infer<typeof reasoningSchema>;

/** What a provider does not know of these it is not sent, or ignores: `docs/agents.md` has the table. */
export const modelSettingsSchema = z
  .strictObject({
    temperature: z.number().min(0).max(2).optional().describe('Sampling temperature'),
    topP: z.number().min(0).max(1).optional().describe('Nucleus sampling'),
    topK: z.number().int().min(1).max(500).optional().describe('Sample from this many most likely tokens'),
    frequencyPenalty: z.number().min(-2).max(2).optional().describe('Against repeating tokens, by frequency'),
    presencePenalty: z.number().min(-2).max(2).optional().describe('Against repeating tokens at all'),
    seed: z.number().int().optional().describe('Seed, for models that can repeat themselves'),
    maxOutputTokens: z.number().int().positive().optional().describe('Tokens of one answer at most'),
    reasoning: reasoningSchema.optional(),
  })
  .describe('How the model is called');
export type ModelSettings = z.infer<typeof modelSettingsSchema>;

export const toolChoiceSchema = z
  .enum(['auto', 'required', 'none'])
  .describe(
    'auto: the model may call tools. required: it must, until a turn of the run has called one. none: it may not',
  );
export type ToolChoice = z.infer<typeof toolChoiceSchema>;

/** Time before a fallback is tried. */
export const fallbackDelayMs = z
  .number()
  .int()
  .min(0)
  .max(60_000)
  .optional()
  .describe('Waits this long before it is tried, ms');

export const agentFallbackSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('retry').describe('The run’s own model once more'),
      delayMs: fallbackDelayMs,
    }),
    z.strictObject({
      type: z.literal('model').describe('Another model, for this turn'),
      model: z.string().min(1).max(200).describe('provider/name, an alias, or script/…'),
      delayMs: fallbackDelayMs,
    }),
    z.strictObject({
      type: z.literal('output').describe('A given answer, which ends the turn'),
      output: z.string().max(1_000_000).describe('Text of the answer'),
      delayMs: fallbackDelayMs,
    }),
  ])
  .describe(
    'What to try when the model provider has failed a turn: it again, another model, or a given answer',
  );
export type AgentFallback = z.infer<typeof agentFallbackSchema>;
