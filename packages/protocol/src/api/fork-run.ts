import { z } from 'zod';
import { agentFieldsSchema } from '../agent.ts';
import { runSchema } from '../run.ts';
import { reasonSchema, runParamsSchema } from './changed.ts';
import { addressedAnswerSchema, messageInputSchema } from './message-input.ts';

export const forkRunParamsSchema = runParamsSchema;
export const forkRunBodySchema = z
  .strictObject({
    at: z
      .union([z.number().int().positive(), z.string().min(1).max(200)])
      .optional()
      .describe('A seq of the log, or a checkpoint label such as turn-2/before-model; absent: its end'),
    answers: z.array(addressedAnswerSchema).max(100).optional().describe('Answers to the fork’s waits'),
    messages: z.array(messageInputSchema).max(100).optional().describe('Messages to begin the fork with'),
    agent: z
      .union([z.string().min(1).max(200), agentFieldsSchema])
      .optional()
      .describe('Another agent: a saved one’s id, or inline; absent: the original’s'),
    reason: reasonSchema.optional(),
  })
  .describe('Where and how to fork');
export type ForkRunBody = z.infer<typeof forkRunBodySchema>;
export const forkRunReplySchema = runSchema;
