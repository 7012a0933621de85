import { z } from 'zod';
import { runErrorSchema } from '../event.ts';
import { looseJsonSchema } from '../json.ts';
import { changedSchema, reasonSchema, runParamsSchema } from './changed.ts';

export const reportRunParamsSchema = runParamsSchema;
export const reportRunBodySchema = z
  .strictObject({
    status: z
      .enum(['running', 'succeeded', 'failed'])
      .optional()
      .describe('Where the run stands; pause and cancel are operations of their own'),
    output: looseJsonSchema.optional().describe('Output so far, or the result'),
    summary: z.string().max(100_000).nullable().optional().describe('Summary'),
    error: runErrorSchema.nullable().optional().describe('Why it failed'),
    reopen: z.boolean().optional().describe('Go on with a run that has ended'),
    reason: reasonSchema.optional(),
  })
  .describe('What an external run did, or the end of a managed one');
export type ReportRunBody = z.infer<typeof reportRunBodySchema>;
export const reportRunReplySchema = changedSchema;
