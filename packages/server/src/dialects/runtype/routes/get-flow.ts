import { runtypeOperation } from '../operation.ts';
import { flowReply } from '../saved-flow.ts';
import { flowIdSchema, flowReplySchema } from '../wire-resources.ts';

export const getFlow = runtypeOperation({
  operationId: 'getFlow',
  method: 'GET',
  path: '/v1/flows/{id}',
  tag: 'Flows',
  role: 'viewer',
  summary: 'Get a saved flow',
  params: flowIdSchema,
  reply: flowReplySchema,
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: flowReply(caller, await engine.flows.get(caller, params.id)),
  }),
});
