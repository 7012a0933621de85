import { runtypeOperation } from '../operation.ts';
import { assertWorks, flowReply, flowUpdate } from '../saved-flow.ts';
import { flowIdSchema, flowReplySchema, updateFlowBodySchema } from '../wire-resources.ts';

export const updateFlow = runtypeOperation({
  operationId: 'updateFlow',
  method: 'PUT',
  path: '/v1/flows/{id}',
  tag: 'Flows',
  role: 'developer',
  summary: 'Change a saved flow',
  description:
    'Only what is sent is changed; steps are replaced as a whole. Executions that have begun keep the version that they began with.',
  params: flowIdSchema,
  body: updateFlowBodySchema,
  example: { name: 'Greetings' },
  reply: flowReplySchema,
  errors: ['not_found', 'not_supported'],
  async handle({ engine, caller, params, body }) {
    const current = await engine.flows.get(caller, params.id);
    const patch = flowUpdate(current, body);
    await assertWorks(engine, patch);
    const flow = await engine.flows.update(caller, params.id, patch);
    return { status: 200, body: flowReply(caller, flow) };
  },
});
