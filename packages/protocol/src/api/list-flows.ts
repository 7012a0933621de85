import { z } from 'zod';
import { pageQueryShape, pageSchema } from './page.ts';
import { savedFlowSchema } from './saved-flow.ts';

export const listFlowsQuerySchema = z
  .strictObject({ q: z.string().max(1000).optional().describe('Free text over the name'), ...pageQueryShape })
  .describe('Which flows');
export type ListFlowsQuery = z.output<typeof listFlowsQuerySchema>;
export const listFlowsReplySchema = pageSchema(savedFlowSchema, 'Saved flows, newest first');
export type ListFlowsReply = z.infer<typeof listFlowsReplySchema>;
