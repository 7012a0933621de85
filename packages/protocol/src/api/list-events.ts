import { z } from 'zod';
import { eventTypeSchema, runEventSchema } from '../event.ts';
import { runParamsSchema } from './changed.ts';
import { pageSchema } from './page.ts';
import { integerParameter, listParameter } from './parameter.ts';
import { untilSchema } from './stream.ts';

export const listEventsParamsSchema = runParamsSchema;
export const listEventsQuerySchema = z
  .strictObject({
    after: integerParameter('Events whose seq is greater; Last-Event-ID says the same').optional(),
    before: integerParameter('Events whose seq is smaller; not for a stream').optional(),
    order: z.enum(['asc', 'desc']).optional().describe('asc unless told; not for a stream'),
    types: listParameter(eventTypeSchema, 'Only these types, comma list').optional(),
    limit: integerParameter('How many, 200 unless told, at most 1000', { min: 1, max: 1000 }).optional(),
    until: untilSchema.optional().describe('Stream only: when to end it; absent: never'),
  })
  .describe('Which events');
export type ListEventsQuery = z.output<typeof listEventsQuerySchema>;
export const listEventsReplySchema = pageSchema(
  runEventSchema,
  'Events of the log; nextCursor is the next after (order=desc: the next before)',
);
export type ListEventsReply = z.infer<typeof listEventsReplySchema>;
