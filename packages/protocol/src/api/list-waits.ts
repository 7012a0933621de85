import { z } from 'zod';
import { waitKindSchema, waitSchema, waitStateSchema } from '../wait.ts';
import { pageQueryShape, pageSchema } from './page.ts';
import { listParameter, timeParameter } from './parameter.ts';

export const listWaitsQuerySchema = z
  .strictObject({
    run: z.string().max(200).optional().describe('Run id'),
    kind: listParameter(waitKindSchema, 'Kinds, comma list').optional(),
    state: listParameter(waitStateSchema, 'States, comma list; open unless told').optional(),
    assignee: z.string().max(200).optional().describe('Principal id or group'),
    tool: listParameter(z.string().max(200), 'Tool names, comma list').optional(),
    olderThan: timeParameter('Opened before this time').optional(),
    deadlineBefore: timeParameter('Whose next deadline is before this time').optional(),
    agent: listParameter(z.string().max(200), 'Agent ids of their runs, comma list').optional(),
    decidedBy: listParameter(z.string().max(200), 'Who decided, ids of principals, comma list').optional(),
    decidedAfter: timeParameter('Decided after this time').optional(),
    order: z.enum(['asc', 'desc']).optional().describe('asc: oldest first (unless told). desc: newest first'),
    ...pageQueryShape,
  })
  .describe('Which waits');
export type ListWaitsQuery = z.output<typeof listWaitsQuerySchema>;
export const listWaitsReplySchema = pageSchema(waitSchema, 'Waits, oldest first unless told');
export type ListWaitsReply = z.infer<typeof listWaitsReplySchema>;
