import { z } from 'zod';
import { holdNameSchema } from '../hold.ts';
import { changedSchema, reasonSchema, runParamsSchema } from './changed.ts';

export const pauseRunParamsSchema = runParamsSchema;
export const pauseRunBodySchema = z
  .strictObject({
    reason: reasonSchema.optional(),
    hold: holdNameSchema.optional().describe('Name of the hold; operator unless told'),
    at: z
      .enum(['checkpoint', 'now'])
      .optional()
      .describe('checkpoint (default): the step in flight is finished. now: it is aborted'),
    stopClock: z.boolean().optional().describe('Deadlines of waits stand still meanwhile (default true)'),
    tree: z.boolean().optional().describe('Child runs are held too (default true)'),
  })
  .describe('How to pause');
export type PauseRunBody = z.infer<typeof pauseRunBodySchema>;
export const pauseRunReplySchema = changedSchema;
