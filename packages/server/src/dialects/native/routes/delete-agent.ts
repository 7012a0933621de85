import { deleteAgentParamsSchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const deleteAgent = defineOperation({
  operationId: 'deleteAgent',
  method: 'DELETE',
  path: '/agents/{agentId}',
  tag: 'Agents',
  role: 'developer',
  summary: 'Delete a saved agent',
  description: 'Runs that use it keep their version.',
  params: deleteAgentParamsSchema,
  replies: { 204: { description: 'It is deleted' } },
  errors: ['not_found'],
  handle: ({ engine, caller, params, command }) =>
    command(
      (options) => engine.agents.delete(caller, params.agentId, options),
      () => ({ status: 204, body: null }),
    ),
});
