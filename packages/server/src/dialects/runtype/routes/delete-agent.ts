import { runtypeOperation } from '../operation.ts';
import { agentIdSchema, deletedReplySchema } from '../wire-resources.ts';

export const deleteAgent = runtypeOperation({
  operationId: 'deleteAgent',
  method: 'DELETE',
  path: '/v1/agents/{id}',
  tag: 'Agents',
  role: 'developer',
  summary: 'Delete a saved agent',
  description: 'Executions that have begun go on.',
  params: agentIdSchema,
  reply: deletedReplySchema,
  errors: ['not_found'],
  async handle({ engine, caller, params }) {
    await engine.agents.delete(caller, params.id);
    return { status: 200, body: { success: true } };
  },
});
