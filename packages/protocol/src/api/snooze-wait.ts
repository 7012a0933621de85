import { z } from 'zod';
import { waitChangedSchema, waitParamsSchema } from './changed.ts';
import { timeParameter } from './parameter.ts';

export const snoozeWaitParamsSchema = waitParamsSchema;
export const snoozeWaitBodySchema = z
  .strictObject({ until: timeParameter('Not to be shown before').nullable().describe('When; null ends it') })
  .describe('Until when');
export type SnoozeWaitBody = z.infer<typeof snoozeWaitBodySchema>;
export const snoozeWaitReplySchema = waitChangedSchema;
