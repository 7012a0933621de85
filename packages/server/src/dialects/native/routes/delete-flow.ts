import { deleteFlowParamsSchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const deleteFlow = defineOperation({
  operationId: 'deleteFlow',
  method: 'DELETE',
  path: '/flows/{flowId}',
  tag: 'Flows',
  role: 'developer',
  summary: 'Delete a saved flow',
  description: 'Runs that use it keep their version.',
  params: deleteFlowParamsSchema,
  replies: { 204: { description: 'It is deleted' } },
  errors: ['not_found'],
  handle: ({ engine, caller, params, command }) =>
    command(
      (options) => engine.flows.delete(caller, params.flowId, options),
      () => ({ status: 204, body: null }),
    ),
});
