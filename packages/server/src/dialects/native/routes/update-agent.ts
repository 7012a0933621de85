import { updateAgentBodySchema, updateAgentParamsSchema, updateAgentReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { checkAgent } from '../checked-agent.ts';
import { assertFitsEvent } from '../stored-content.ts';

export const updateAgent = defineOperation({
  operationId: 'updateAgent',
  method: 'PATCH',
  path: '/agents/{agentId}',
  tag: 'Agents',
  role: 'developer',
  summary: 'Change a saved agent',
  description: 'Makes a new version. Runs keep the version that they started with.',
  params: updateAgentParamsSchema,
  body: updateAgentBodySchema,
  replies: { 200: { description: 'The agent, in its new version', schema: updateAgentReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, body, command }) => {
    checkAgent(body, 'body');
    assertFitsEvent(body, 'body');
    return command(
      (options) => engine.agents.update(caller, params.agentId, body, options),
      (agent) => ({ status: 200, body: agent }),
    );
  },
});
