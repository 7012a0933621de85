import { EngineError } from '../../../engine/errors.ts';
import { patchCommands } from '../decode.ts';
import { runData, wireStatus } from '../encode.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { runDataSchema, runParamsSchema, single, updateRunSchema } from '../wire.ts';

export const updateRun = telnyxOperation({
  method: 'PATCH',
  path: '/ai/missions/{mission_id}/runs/{run_id}',
  role: 'developer',
  summary: 'Update run',
  description:
    'One commit, all or nothing. Members that are not sent stay, null clears one; metadata and result are replaced. A status that the run has already changes nothing.',
  params: runParamsSchema,
  body: updateRunSchema,
  example: { status: 'succeeded', result_summary: 'Three offers', result_payload: { offers: 3 } },
  replies: { 200: { description: 'The run', schema: single(runDataSchema) } },
  errors: ['invalid_transition', 'held'],
  handle: async (request) => {
    const { engine, caller, body, command } = request;
    const { run, unassignedId } = await findRun(request);
    if (body.status === 'pending' && wireStatus(run.status) !== 'pending') {
      throw new EngineError(
        'invalid_transition',
        `a run that is ${wireStatus(run.status)} cannot become pending again; create another run`,
        { currentStatus: run.status },
      );
    }
    return command(
      (options) => engine.runs.commands(caller, run.id, patchCommands(body, run.mode), options),
      (changed) => data(200, runData(changed.run, unassignedId)),
    );
  },
});
