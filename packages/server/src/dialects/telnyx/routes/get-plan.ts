import { stepData } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { list, runParamsSchema, stepDataSchema } from '../wire.ts';

export const getPlan = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/{mission_id}/runs/{run_id}/plan',
  role: 'viewer',
  summary: 'Get plan',
  description: 'Steps by sequence; empty without a plan.',
  params: runParamsSchema,
  replies: { 200: { description: 'The steps', schema: list(stepDataSchema) } },
  handle: async (request) => {
    const { run } = await findRun(request);
    const steps = await request.engine.plans.get(request.caller, run.id);
    return data(
      200,
      steps.map((step) => stepData(run.id, step)),
    );
  },
});
