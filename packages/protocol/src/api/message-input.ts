import { z } from 'zod';
import { messageRoleSchema } from '../content.ts';
import { looseJsonSchema } from '../json.ts';
import { answerBodySchema } from '../wait.ts';

/** A message in a request. */
export const messageInputSchema = z
  .strictObject({
    role: messageRoleSchema.optional().describe('Who speaks; user unless told'),
    content: looseJsonSchema.describe(
      'A string, or parts {type: text|image|file, …}; anything else is taken as its JSON text',
    ),
  })
  .describe('A message');
export type MessageInput = z.infer<typeof messageInputSchema>;

/** An answer that names its wait or the call that owns the wait. */
export const addressedAnswerSchema = answerBodySchema
  .extend({
    waitId: z.string().min(1).optional().describe('The wait; or give callId'),
    callId: z.string().min(1).optional().describe('The tool call; or give waitId'),
  })
  .refine((answer) => (answer.waitId === undefined) !== (answer.callId === undefined), {
    error: 'give either waitId or callId',
  })
  .describe('An answer with its address');
export type AddressedAnswerBody = z.infer<typeof addressedAnswerSchema>;

export const onWaitingSchema = z
  .enum(['queue', 'supersede'])
  .describe('With open waits: queue the message behind them, or close them');
