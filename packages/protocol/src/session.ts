import { z } from 'zod';
import { actorSchema } from './actor.ts';
import { jsonObjectSchema } from './json.ts';
import { runStatusSchema } from './status.ts';

export const sessionSchema = z
  .object({
    id: z.uuid().describe('Id'),
    key: z.string().nullable().describe('Your own name of it, or null'),
    title: z.string().nullable().describe('Title, or null'),
    metadata: jsonObjectSchema.describe('The caller’s own data'),
    createdBy: actorSchema,
    runs: z
      .object({
        total: z.number().int().describe('All runs'),
        active: z.number().int().describe('Not ended'),
        succeeded: z.number().int().describe('Succeeded'),
        failed: z.number().int().describe('Failed'),
        cancelled: z.number().int().describe('Cancelled'),
      })
      .describe('How many runs it has'),
    usage: z
      .object({
        inputTokens: z.number().int().describe('Tokens read'),
        outputTokens: z.number().int().describe('Tokens written'),
        costUsd: z.number().nullable().describe('US dollars; null when a model has no price'),
      })
      .describe('What its runs have used'),
    latestRun: z
      .object({
        id: z.string().describe('Run'),
        status: runStatusSchema,
        createdAt: z.string().describe('When it was created'),
      })
      .nullable()
      .describe('Its latest run, or null'),
    createdAt: z.string().describe('When it was created, RFC 3339 UTC'),
    updatedAt: z.string().describe('When it last changed: a run began, or its title was set'),
  })
  .meta({ id: 'Session' })
  .describe('Runs that share a conversation: each begins with the texts of the finished ones before it');
export type Session = z.infer<typeof sessionSchema>;

/** How many texts of earlier runs a run of a session begins with. */
export const SESSION_HISTORY_TEXTS = 20;
