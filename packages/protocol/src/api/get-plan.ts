import { z } from 'zod';
import { planStepSchema } from '../plan-step.ts';
import { runParamsSchema } from './changed.ts';

export const getPlanParamsSchema = runParamsSchema;
export const getPlanReplySchema = z
  .object({ data: z.array(planStepSchema).describe('Steps in their order; empty without a plan') })
  .describe('The plan of a run');
export type GetPlanReply = z.infer<typeof getPlanReplySchema>;
