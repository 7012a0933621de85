import { runtypeOperation } from '../operation.ts';
import { assertWorks, decodeSavedFlow, flowReply } from '../saved-flow.ts';
import { createFlowBodySchema, flowReplySchema } from '../wire-resources.ts';

export const createFlow = runtypeOperation({
  operationId: 'createFlow',
  method: 'POST',
  path: '/v1/flows',
  tag: 'Flows',
  role: 'developer',
  summary: 'Save a flow',
  description: 'Steps are checked as a dispatch would. What is not known is kept and shown again.',
  body: createFlowBodySchema,
  example: {
    name: 'Greeting',
    steps: [{ id: 'greet', name: 'Greet', type: 'prompt', config: { userPrompt: 'Greet {{name}}.' } }],
  },
  reply: flowReplySchema,
  status: 201,
  errors: ['not_supported'],
  async handle({ engine, caller, body, command }) {
    const fields = decodeSavedFlow(body);
    await assertWorks(engine, fields);
    return command(
      (options) => engine.flows.create(caller, fields, options),
      (flow) => ({ status: 201, body: flowReply(caller, flow) }),
    );
  },
});
