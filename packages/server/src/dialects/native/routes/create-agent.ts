import { createAgentBodySchema, createAgentReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { checkAgent } from '../checked-agent.ts';
import { assertFitsEvent } from '../stored-content.ts';

export const createAgent = defineOperation({
  operationId: 'createAgent',
  method: 'POST',
  path: '/agents',
  tag: 'Agents',
  role: 'developer',
  summary: 'Save an agent',
  body: createAgentBodySchema,
  example: { name: 'Helper', model: 'script/echo', instructions: 'Be brief.' },
  replies: { 201: { description: 'The agent, version 1', schema: createAgentReplySchema } },
  errors: ['already_exists'],
  handle: async ({ engine, caller, body, basePath, command }) => {
    checkAgent(body, 'body');
    assertFitsEvent(body, 'body');
    return command(
      (options) => engine.agents.create(caller, body, options),
      (agent) => ({ status: 201, body: agent, headers: { location: `${basePath}/agents/${agent.id}` } }),
    );
  },
});
