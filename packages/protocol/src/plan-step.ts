import { z } from 'zod';
import { jsonObjectSchema } from './json.ts';

export const planStepSchema = z
  .object({
    id: z.string().describe('Step id, unique within the plan'),
    description: z.string().describe('What is to be done'),
    status: z.enum(['pending', 'in_progress', 'completed', 'skipped', 'failed']).describe('Status'),
    sequence: z.number().int().describe('Order'),
    parentStepId: z.string().nullable().describe('Step above it, or null'),
    metadata: jsonObjectSchema.describe('The caller’s own data'),
    startedAt: z.string().nullable().describe('When it was begun, or null'),
    completedAt: z.string().nullable().describe('When it ended, or null'),
  })
  .describe('A step of a plan');
export type PlanStep = z.infer<typeof planStepSchema>;
