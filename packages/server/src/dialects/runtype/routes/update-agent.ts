import { runtypeOperation } from '../operation.ts';
import { agentReply } from '../saved-agent-reply.ts';
import { mergedBody, sentOf, updateOf } from '../saved-agent.ts';
import { agentIdSchema, agentReplySchema, updateAgentBodySchema } from '../wire-resources.ts';

export const updateAgent = runtypeOperation({
  operationId: 'updateAgent',
  method: 'PUT',
  path: '/v1/agents/{id}',
  tag: 'Agents',
  role: 'developer',
  summary: 'Change a saved agent',
  description:
    'Only what is sent is changed; `config` is merged, deep, and null takes a member out of it. Executions that have begun keep the version that they began with.',
  params: agentIdSchema,
  body: updateAgentBodySchema,
  example: { config: { temperature: 0.2 } },
  reply: agentReplySchema,
  errors: ['not_found', 'not_supported'],
  async handle({ engine, caller, params, body }) {
    const current = await engine.agents.get(caller, params.id);
    const merged = mergedBody(sentOf(current), body);
    const agent = await engine.agents.update(caller, params.id, updateOf(merged, body));
    return { status: 200, body: agentReply(caller, agent) };
  },
});
