import { z } from 'zod';
import { waitChangedSchema, waitParamsSchema } from './changed.ts';

export const assignWaitParamsSchema = waitParamsSchema;
export const assignWaitBodySchema = z
  .strictObject({
    assignee: z.string().min(1).max(200).nullable().describe('Principal id or group; null: nobody'),
  })
  .describe('To whom');
export type AssignWaitBody = z.infer<typeof assignWaitBodySchema>;
export const assignWaitReplySchema = waitChangedSchema;
