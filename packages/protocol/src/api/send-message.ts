import { z } from 'zod';
import { changedSchema, reasonSchema, runParamsSchema } from './changed.ts';
import { messageInputSchema, onWaitingSchema } from './message-input.ts';

export const sendMessageParamsSchema = runParamsSchema;
export const sendMessageBodySchema = messageInputSchema
  .extend({
    messageId: z.string().min(1).max(200).optional().describe('Your own id: the same again changes nothing'),
    onWaiting: onWaitingSchema.optional(),
    resume: z.boolean().optional().describe('Also release the holds, as resume does'),
    reopen: z.boolean().optional().describe('Go on with a run that has ended'),
    model: z.string().min(1).max(200).optional().describe('Model from the next turn on'),
    reason: reasonSchema.optional(),
  })
  .describe('The message');
export type SendMessageBody = z.infer<typeof sendMessageBodySchema>;
export const sendMessageReplySchema = changedSchema
  .extend({
    message: z
      .object({
        id: z.string().nullable().describe('Your own id, or null'),
        seq: z.number().int().describe('Event that holds the message'),
      })
      .describe('The message in the log'),
  })
  .describe('The run and the message');
export type SendMessageReply = z.infer<typeof sendMessageReplySchema>;
