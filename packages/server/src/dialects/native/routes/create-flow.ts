import { createFlowBodySchema, createFlowReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { checkSteps } from '../checked-flow.ts';
import { assertFitsEvent } from '../stored-content.ts';

export const createFlow = defineOperation({
  operationId: 'createFlow',
  method: 'POST',
  path: '/flows',
  tag: 'Flows',
  role: 'developer',
  summary: 'Save a flow',
  body: createFlowBodySchema,
  example: {
    name: 'Greeting',
    steps: [
      { id: 'name', name: 'Name', type: 'transform', script: 'return input.name.trim();', output: 'who' },
      { id: 'greet', name: 'Greet', type: 'agent', prompt: 'Greet {{who}}.' },
    ],
  },
  replies: { 201: { description: 'The flow, version 1', schema: createFlowReplySchema } },
  errors: ['already_exists'],
  handle: async ({ engine, caller, body, basePath, command }) => {
    assertFitsEvent(body, 'body');
    await checkSteps(engine, body.steps, 'body.steps');
    return command(
      (options) => engine.flows.create(caller, body, options),
      (flow) => ({ status: 201, body: flow, headers: { location: `${basePath}/flows/${flow.id}` } }),
    );
  },
});
