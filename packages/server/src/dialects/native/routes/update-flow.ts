import { updateFlowBodySchema, updateFlowParamsSchema, updateFlowReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { checkSteps } from '../checked-flow.ts';
import { assertFitsEvent } from '../stored-content.ts';

export const updateFlow = defineOperation({
  operationId: 'updateFlow',
  method: 'PATCH',
  path: '/flows/{flowId}',
  tag: 'Flows',
  role: 'developer',
  summary: 'Change a saved flow',
  description: 'Makes a new version. Runs keep the version that they started with.',
  params: updateFlowParamsSchema,
  body: updateFlowBodySchema,
  replies: { 200: { description: 'The flow, in its new version', schema: updateFlowReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, body, command }) => {
    assertFitsEvent(body, 'body');
    if (body.steps !== undefined) await checkSteps(engine, body.steps, 'body.steps');
    return command(
      (options) => engine.flows.update(caller, params.flowId, body, options),
      (flow) => ({ status: 200, body: flow }),
    );
  },
});
