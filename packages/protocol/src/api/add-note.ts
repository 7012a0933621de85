import { z } from 'zod';
import { runEventSchema } from '../event.ts';
import { looseJsonSchema } from '../json.ts';
import { changedSchema, runParamsSchema } from './changed.ts';

export const addNoteParamsSchema = runParamsSchema;
export const addNoteBodySchema = z
  .strictObject({
    type: z.string().min(1).max(200).describe('Your own type of event'),
    summary: z.string().max(10_000).optional().describe('One line'),
    data: looseJsonSchema.optional().describe('Data'),
    key: z.string().min(1).max(200).optional().describe('Unique in the run: the same again changes nothing'),
  })
  .describe('An event of your own for the run’s log');
export type AddNoteBody = z.infer<typeof addNoteBodySchema>;
export const addNoteReplySchema = changedSchema
  .extend({ event: runEventSchema.describe('The note in the log') })
  .describe('The run and the note');
export type AddNoteReply = z.infer<typeof addNoteReplySchema>;
