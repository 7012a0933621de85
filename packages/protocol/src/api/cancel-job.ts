import { z } from 'zod';
import { jobSchema } from '../job.ts';
import { jobParamsSchema } from './get-job.ts';

export const cancelJobParamsSchema = jobParamsSchema;
export const cancelJobReplySchema = z
  .object({
    job: jobSchema,
    changed: z.boolean().describe('False when the job had ended already'),
  })
  .describe('The job after it');
export type CancelJobReply = z.infer<typeof cancelJobReplySchema>;
