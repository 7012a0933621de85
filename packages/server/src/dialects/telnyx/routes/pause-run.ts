import { runData } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { runDataSchema, runParamsSchema, single } from '../wire.ts';

export const pauseRun = telnyxOperation({
  method: 'POST',
  path: '/ai/missions/{mission_id}/runs/{run_id}/pause',
  role: 'operator',
  summary: 'Pause run',
  description: 'A managed run lets its step in flight end. One that is paused already stays as it is.',
  params: runParamsSchema,
  replies: { 200: { description: 'The run', schema: single(runDataSchema) } },
  errors: ['invalid_transition'],
  handle: async (request) => {
    const { engine, caller, command } = request;
    const { run, unassignedId } = await findRun(request);
    return command(
      (options) => engine.runs.pause(caller, run.id, {}, options),
      (changed) => data(200, runData(changed.run, unassignedId)),
    );
  },
});
