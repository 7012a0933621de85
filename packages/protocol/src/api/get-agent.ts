import { z } from 'zod';
import { integerParameter } from './parameter.ts';
import { agentParamsSchema, savedAgentSchema } from './saved-agent.ts';

export const getAgentParamsSchema = agentParamsSchema;
export const getAgentQuerySchema = z.strictObject({
  version: integerParameter('Version; absent: the newest', { min: 1 }).optional(),
});
export type GetAgentQuery = z.output<typeof getAgentQuerySchema>;
export const getAgentReplySchema = savedAgentSchema;
