import { z } from 'zod';
import { jsonObjectSchema } from '../json.ts';
import { limitsSchema } from '../limits.ts';
import { changedSchema, reasonSchema, runParamsSchema } from './changed.ts';

export const updateRunParamsSchema = runParamsSchema;
export const updateRunBodySchema = z
  .strictObject({
    title: z.string().max(1000).nullable().optional().describe('New title; null removes it'),
    metadata: jsonObjectSchema.optional().describe('Merged by key; null removes (RFC 7396)'),
    limits: limitsSchema.optional().describe('Merged by key; null removes'),
    sealed: z.boolean().optional().describe('A sealed run takes no message, retry or reopening'),
    reason: reasonSchema.optional(),
  })
  .describe('What to change');
export type UpdateRunBody = z.infer<typeof updateRunBodySchema>;
export const updateRunReplySchema = changedSchema;
