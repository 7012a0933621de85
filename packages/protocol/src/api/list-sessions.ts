import { z } from 'zod';
import { sessionSchema } from '../session.ts';
import { pageQueryShape, pageSchema } from './page.ts';

export const listSessionsQuerySchema = z
  .strictObject({
    key: z.string().min(1).max(200).optional().describe('Only the one of this key'),
    ...pageQueryShape,
  })
  .describe('Which sessions');
export const listSessionsReplySchema = pageSchema(sessionSchema, 'Sessions, newest first');
