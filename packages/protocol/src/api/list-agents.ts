import { z } from 'zod';
import { pageQueryShape, pageSchema } from './page.ts';
import { savedAgentSchema } from './saved-agent.ts';

export const listAgentsQuerySchema = z
  .strictObject({ q: z.string().max(1000).optional().describe('Free text over the name'), ...pageQueryShape })
  .describe('Which agents');
export type ListAgentsQuery = z.output<typeof listAgentsQuerySchema>;
export const listAgentsReplySchema = pageSchema(savedAgentSchema, 'Saved agents, newest first');
export type ListAgentsReply = z.infer<typeof listAgentsReplySchema>;
