import { runData } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { runDataSchema, runParamsSchema, single } from '../wire.ts';

export const cancelRun = telnyxOperation({
  method: 'POST',
  path: '/ai/missions/{mission_id}/runs/{run_id}/cancel',
  role: 'operator',
  summary: 'Cancel run',
  description: 'For good: to do it again, create another run. One that is cancelled already stays as it is.',
  params: runParamsSchema,
  replies: { 200: { description: 'The run', schema: single(runDataSchema) } },
  errors: ['invalid_transition'],
  handle: async (request) => {
    const { engine, caller, command } = request;
    const { run, unassignedId } = await findRun(request);
    return command(
      (options) => engine.runs.cancel(caller, run.id, {}, options),
      (changed) => data(200, runData(changed.run, unassignedId)),
    );
  },
});
