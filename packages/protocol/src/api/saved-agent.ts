import { z } from 'zod';
import { agentFieldsSchema } from '../agent.ts';
import { idParameter } from './parameter.ts';

export const agentParamsSchema = z.object({ agentId: idParameter('Agent id') });

/** A saved agent. Each change makes a new version; a run keeps the version that it started with. */
export const savedAgentSchema = z
  .object({
    ...agentFieldsSchema.shape,
    id: z.string().describe('Id, agent_…'),
    name: z.string().describe('Name'),
    version: z.number().int().describe('Version, from 1'),
    createdAt: z.string().describe('When it was created, RFC 3339 UTC'),
    updatedAt: z.string().describe('When this version was made, RFC 3339 UTC'),
  })
  .meta({ id: 'Agent' })
  .describe('A saved agent');
export type SavedAgentReply = z.infer<typeof savedAgentSchema>;
