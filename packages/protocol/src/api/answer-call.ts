import { z } from 'zod';
import { answerBodySchema, waitSchema } from '../wait.ts';
import { changedSchema } from './changed.ts';
import { idParameter } from './parameter.ts';

export const answerCallParamsSchema = z.object({
  runId: idParameter('Run id'),
  callId: idParameter('Tool call id'),
});
export type AnswerCallParams = z.infer<typeof answerCallParamsSchema>;
export const answerCallBodySchema = answerBodySchema;
export const answerCallReplySchema = changedSchema
  .extend({ wait: waitSchema.nullable().describe('The wait; null when the answer came before it') })
  .describe('The wait and its run after the answer');
export type AnswerCallReply = z.infer<typeof answerCallReplySchema>;
