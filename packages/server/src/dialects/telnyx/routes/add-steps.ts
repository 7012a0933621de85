import { newSteps } from '../decode.ts';
import { stepData } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { createPlanSchema, list, runParamsSchema, stepDataSchema } from '../wire.ts';

export const addSteps = telnyxOperation({
  method: 'POST',
  path: '/ai/missions/{mission_id}/runs/{run_id}/plan/steps',
  role: 'developer',
  summary: 'Add plan steps',
  description: 'Also before there is a plan. The same steps again are answered with the steps as they stand.',
  params: runParamsSchema,
  body: createPlanSchema,
  example: { steps: [{ step_id: 'research', description: 'Find caterers', sequence: 1 }] },
  replies: { 201: { description: 'The steps of this request', schema: list(stepDataSchema) } },
  errors: ['already_exists'],
  handle: async (request) => {
    const { engine, caller, body, command } = request;
    const { run } = await findRun(request);
    const change = { kind: 'add' as const, steps: newSteps(body) };
    return command(
      (options) => engine.plans.change(caller, run.id, change, options),
      ({ steps }) =>
        data(
          201,
          steps.map((step) => stepData(run.id, step)),
        ),
    );
  },
});
