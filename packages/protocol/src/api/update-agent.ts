import type { z } from 'zod';
import { agentFieldsSchema } from '../agent.ts';
import { agentParamsSchema, savedAgentSchema } from './saved-agent.ts';

export const updateAgentParamsSchema = agentParamsSchema;
export const updateAgentBodySchema = agentFieldsSchema.describe(
  'What to change: metadata and limits are merged by key, the rest is replaced',
);
export type UpdateAgentBody = z.infer<typeof updateAgentBodySchema>;
export const updateAgentReplySchema = savedAgentSchema;
