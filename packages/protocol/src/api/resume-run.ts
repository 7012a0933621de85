import { z } from 'zod';
import { holdNameSchema } from '../hold.ts';
import { looseJsonSchema } from '../json.ts';
import { limitsSchema } from '../limits.ts';
import { changedSchema, reasonSchema, runParamsSchema } from './changed.ts';
import { addressedAnswerSchema, messageInputSchema, onWaitingSchema } from './message-input.ts';
import { dryRunQuerySchema } from './preview.ts';

export const resumeRunParamsSchema = runParamsSchema;
export const resumeRunQuerySchema = dryRunQuerySchema;
export type ResumeRunQuery = z.output<typeof resumeRunQuerySchema>;
export const resumeRunBodySchema = z
  .strictObject({
    reason: reasonSchema.optional(),
    hold: holdNameSchema
      .optional()
      .describe('Hold to release; absent: operator, provider and budget are released'),
    messages: z.array(messageInputSchema).max(100).optional().describe('Messages to send with it'),
    messageId: z.string().min(1).max(200).optional().describe('Your own id: the same again changes nothing'),
    onWaiting: onWaitingSchema.optional(),
    model: z.string().min(1).max(200).optional().describe('Model from the next turn on'),
    answers: z
      .array(addressedAnswerSchema)
      .max(100)
      .optional()
      .describe('Answers to its waits: all or none are recorded'),
    limits: limitsSchema.optional().describe('Limits from now on'),
    webhooks: looseJsonSchema.optional().describe('Where to send this run’s events'),
  })
  .describe('How to go on');
export type ResumeRunBody = z.infer<typeof resumeRunBodySchema>;
export const resumeRunReplySchema = changedSchema;
