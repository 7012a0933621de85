import { defineOperation } from '../../../http/route.ts';
import { flowIdSchema } from '../wire-resources.ts';

export const deleteFlow = defineOperation({
  operationId: 'deleteFlow',
  method: 'DELETE',
  path: '/v1/flows/{id}',
  tag: 'Flows',
  role: 'developer',
  summary: 'Delete a saved flow',
  description: 'Executions that have begun go on.',
  params: flowIdSchema,
  replies: { 204: { description: 'It is gone' } },
  errors: ['not_found'],
  async handle({ engine, caller, params }) {
    await engine.flows.delete(caller, params.id);
    return { status: 204, body: null };
  },
});
