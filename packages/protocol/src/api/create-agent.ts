import { z } from 'zod';
import { agentFieldsSchema } from '../agent.ts';
import { savedAgentSchema } from './saved-agent.ts';

export const createAgentBodySchema = agentFieldsSchema
  .extend({ name: z.string().min(1).max(200).describe('Name') })
  .describe('The agent');
export type CreateAgentBody = z.infer<typeof createAgentBodySchema>;
export const createAgentReplySchema = savedAgentSchema;
