import { z } from 'zod';
import { jsonObjectSchema } from '../json.ts';
import { sessionSchema } from '../session.ts';

export const createSessionBodySchema = z
  .strictObject({
    key: z.string().min(1).max(200).optional().describe('Your own name: a second creation finds the first'),
    title: z.string().max(1000).optional().describe('Title'),
    metadata: jsonObjectSchema.optional().describe('Your own data'),
  })
  .describe('The session');
export const createSessionReplySchema = sessionSchema;
