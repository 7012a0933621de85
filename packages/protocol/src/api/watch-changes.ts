import { z } from 'zod';
import { runStatusSchema } from '../status.ts';

/** The data of one frame of watchChanges, `event: run.changed`: a hint to fetch the run again. */
export const runChangeSchema = z
  .object({
    runId: z.string().describe('Run'),
    status: runStatusSchema,
    head: z.number().int().describe('Last seq of its log'),
    openWaits: z.number().int().describe('How many waits are open'),
  })
  .meta({ id: 'RunChange' })
  .describe('A run has changed; best effort, coalesced');
export type RunChangeFrame = z.infer<typeof runChangeSchema>;
