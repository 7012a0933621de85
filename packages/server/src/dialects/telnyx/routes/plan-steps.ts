import type { Operation } from '../../../http/route.ts';
import { newSteps } from '../decode.ts';
import { stepData } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { createPlanSchema, list, runParamsSchema, stepDataSchema } from '../wire.ts';

/** A plan and further steps are given and answered alike; they differ in what is there already. */
export function planSteps(
  kind: 'create' | 'add',
  spec: { path: string; summary: string; description: string },
): Operation {
  return telnyxOperation({
    ...spec,
    method: 'POST',
    role: 'developer',
    params: runParamsSchema,
    body: createPlanSchema,
    example: { steps: [{ step_id: 'research', description: 'Find caterers', sequence: 1 }] },
    replies: { 201: { description: 'The steps of this request', schema: list(stepDataSchema) } },
    errors: ['already_exists'],
    handle: async (request) => {
      const { engine, caller, body, command } = request;
      const { run } = await findRun(request);
      const change = { kind, steps: newSteps(body) };
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
}
