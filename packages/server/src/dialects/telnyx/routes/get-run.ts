import { runData } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { runDataSchema, runParamsSchema, single } from '../wire.ts';

export const getRun = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/{mission_id}/runs/{run_id}',
  role: 'viewer',
  summary: 'Get run',
  params: runParamsSchema,
  replies: { 200: { description: 'The run', schema: single(runDataSchema) } },
  handle: async (request) => {
    const { run, unassignedId } = await findRun(request);
    return data(200, runData(run, unassignedId));
  },
});
