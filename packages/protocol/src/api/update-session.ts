import { z } from 'zod';
import { jsonObjectSchema } from '../json.ts';
import { sessionSchema } from '../session.ts';

export const updateSessionBodySchema = z
  .strictObject({
    title: z.string().max(1000).nullable().optional().describe('Title; null removes it'),
    metadata: jsonObjectSchema.optional().describe('Merge patch (RFC 7396)'),
  })
  .describe('What changes');
export const updateSessionReplySchema = sessionSchema;
