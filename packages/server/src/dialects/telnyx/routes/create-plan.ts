import { newSteps } from '../decode.ts';
import { stepData } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { createPlanSchema, list, runParamsSchema, stepDataSchema } from '../wire.ts';

export const createPlan = telnyxOperation({
  method: 'POST',
  path: '/ai/missions/{mission_id}/runs/{run_id}/plan',
  role: 'developer',
  summary: 'Create plan',
  description: 'The same plan again is answered with its steps as they stand; another one is refused.',
  params: runParamsSchema,
  body: createPlanSchema,
  example: { steps: [{ step_id: 'research', description: 'Find caterers', sequence: 1 }] },
  replies: { 201: { description: 'The steps of this request', schema: list(stepDataSchema) } },
  errors: ['already_exists'],
  handle: async (request) => {
    const { engine, caller, body, command } = request;
    const { run } = await findRun(request);
    const change = { kind: 'create' as const, steps: newSteps(body) };
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
