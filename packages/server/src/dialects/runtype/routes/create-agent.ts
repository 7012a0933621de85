import { runtypeOperation } from '../operation.ts';
import { agentReply } from '../saved-agent-reply.ts';
import { decodeSavedAgent } from '../saved-agent.ts';
import { agentReplySchema, createAgentBodySchema } from '../wire-resources.ts';

export const createAgent = runtypeOperation({
  operationId: 'createAgent',
  method: 'POST',
  path: '/v1/agents',
  tag: 'Agents',
  role: 'developer',
  summary: 'Save an agent',
  description:
    'What is not known is kept and shown again. `{{name}}` in its prompt is filled by each dispatch; credentials are not kept: name them as `{{secrets.<name>}}`.',
  body: createAgentBodySchema,
  example: { name: 'Support', config: { model: 'script/echo', systemPrompt: 'You help {{customer}}.' } },
  reply: agentReplySchema,
  status: 201,
  errors: ['not_supported'],
  handle: async ({ engine, caller, body, command }) => {
    const fields = decodeSavedAgent(body);
    return command(
      (options) => engine.agents.create(caller, fields, options),
      (agent) => ({ status: 201, body: agentReply(caller, agent) }),
    );
  },
});
