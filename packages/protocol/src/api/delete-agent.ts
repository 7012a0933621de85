import { agentParamsSchema } from './saved-agent.ts';

/** The reply is 204 without a body. */
export const deleteAgentParamsSchema = agentParamsSchema;
