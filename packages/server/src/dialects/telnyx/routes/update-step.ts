import { stepData } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { single, stepDataSchema, stepParamsSchema, updateStepSchema } from '../wire.ts';

export const updateStep = telnyxOperation({
  method: 'PATCH',
  path: '/ai/missions/{mission_id}/runs/{run_id}/plan/steps/{step_id}',
  role: 'developer',
  summary: 'Update plan step',
  description: 'Any status may follow any other. Metadata is replaced; null clears it.',
  params: stepParamsSchema,
  body: updateStepSchema,
  example: { status: 'in_progress' },
  replies: { 200: { description: 'The step', schema: single(stepDataSchema) } },
  handle: async (request) => {
    const { engine, caller, params, body, command } = request;
    const { run } = await findRun(request);
    const patch = {
      ...(body.status === undefined ? {} : { status: body.status }),
      ...(body.metadata === undefined ? {} : { metadata: body.metadata ?? {} }),
    };
    return command(
      (options) =>
        engine.plans.change(caller, run.id, { kind: 'update', stepId: params.step_id, patch }, options),
      ({ steps: [step] }) => {
        if (step === undefined) throw new Error('a step that was changed is not there');
        return data(200, stepData(run.id, step));
      },
    );
  },
});
