import { z } from 'zod';
import { holdNameSchema } from '../hold.ts';
import { inboxItemSchema, inboxKindSchema } from '../inbox.ts';
import { pageQueryShape, pageSchema } from './page.ts';
import { booleanParameter, listParameter, timeParameter } from './parameter.ts';

export const listInboxQuerySchema = z
  .strictObject({
    kind: listParameter(
      inboxKindSchema,
      'Kinds, comma list; approval, input, in_doubt and hold unless told',
    ).optional(),
    hold: listParameter(
      holdNameSchema,
      'Names of holds, comma list; operator, budget, policy and provider unless told',
    ).optional(),
    assignee: listParameter(
      z.string().max(200),
      'Principal ids or groups, comma list; holds have none',
    ).optional(),
    agent: listParameter(z.string().max(200), 'Agent ids, comma list').optional(),
    olderThan: timeParameter('Standing since before this time').optional(),
    deadlineBefore: timeParameter('Whose next deadline is before this time').optional(),
    snoozed: booleanParameter('True: also what is snoozed').optional(),
    orderBy: z
      .enum(['age', 'deadline'])
      .optional()
      .describe('age: the oldest first (unless told). deadline: the next deadline first, then the oldest'),
    ...pageQueryShape,
  })
  .describe('Which items');
export type ListInboxQuery = z.output<typeof listInboxQuerySchema>;
export const listInboxReplySchema = pageSchema(inboxItemSchema, 'What needs somebody now');
export type ListInboxReply = z.infer<typeof listInboxReplySchema>;
