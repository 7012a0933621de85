import { EngineError } from '../../../engine/errors.ts';
import { stepData } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { single, stepDataSchema, stepParamsSchema } from '../wire.ts';

export const getStep = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/{mission_id}/runs/{run_id}/plan/steps/{step_id}',
  role: 'viewer',
  summary: 'Get plan step',
  params: stepParamsSchema,
  replies: { 200: { description: 'The step', schema: single(stepDataSchema) } },
  handle: async (request) => {
    const { engine, caller, params } = request;
    const { run } = await findRun(request);
    const steps = await engine.plans.get(caller, run.id);
    const step = steps.find(({ id }) => id === params.step_id);
    if (step === undefined) throw new EngineError('not_found', 'there is no such step');
    return data(200, stepData(run.id, step));
  },
});
