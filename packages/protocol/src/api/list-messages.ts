import { z } from 'zod';
import { transcriptMessageSchema } from '../transcript.ts';
import { runParamsSchema } from './changed.ts';
import { pageSchema } from './page.ts';
import { integerParameter } from './parameter.ts';

export const listMessagesParamsSchema = runParamsSchema;
export const listMessagesQuerySchema = z
  .strictObject({
    after: integerParameter('Messages whose seq is greater').optional(),
    before: integerParameter('Messages whose seq is smaller').optional(),
    limit: integerParameter('How many, 20 unless told, at most 100', { min: 1, max: 100 }).optional(),
  })
  .describe('Which messages');
export type ListMessagesQuery = z.output<typeof listMessagesQuerySchema>;
export const listMessagesReplySchema = pageSchema(
  transcriptMessageSchema,
  'The conversation, oldest first; nextCursor is the next after',
);
export type ListMessagesReply = z.infer<typeof listMessagesReplySchema>;
