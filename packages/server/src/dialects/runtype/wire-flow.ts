import { jsonObjectSchema } from '@fermata/protocol';
import { z } from 'zod';

/** Types that are carried out. Source: wire section 12. */
export const SUPPORTED_STEPS = [
  'prompt',
  'execute-agent',
  'tool-call',
  'conditional',
  'set-variable',
  'transform-data',
  'fetch-url',
  'api-call',
  'wait-until',
  'send-stream',
] as const;
export type SupportedStep = (typeof SUPPORTED_STEPS)[number];

/** Source: wire section 7.1. */
export const wireStepSchema = z
  .object({
    id: z
      .string()
      .regex(/^[A-Za-z0-9_\-:.]{1,128}$/)
      .optional()
      .describe('Id; absent: made'),
    name: z.string().min(1).max(200).optional().describe('Name; absent: its type'),
    type: z
      .string()
      .min(1)
      .describe(`One of ${SUPPORTED_STEPS.join(', ')}`),
    order: z.number().int().min(0).optional().describe('Place; absent: that in the list'),
    enabled: z.boolean().optional().describe('false: skipped'),
    when: z.string().max(500).optional().describe('JavaScript expression; skipped when falsy'),
    config: jsonObjectSchema.default({}).describe('By type'),
  })
  .describe('A step');
export type WireStep = z.output<typeof wireStepSchema>;

export const wireFlowSchema = z
  .object({
    id: z.string().min(1).max(200).optional().describe('Saved flow'),
    name: z.string().min(1).max(200).optional().describe('Name'),
    description: z.string().max(10_000).optional().describe('What it is for'),
    steps: z.array(wireStepSchema).max(200).optional().describe('Steps; none: 422'),
  })
  .describe('A flow, saved or inline');
export type WireFlow = z.output<typeof wireFlowSchema>;
