import { isTerminal, type Run } from '@fermata/protocol';
import { EngineError } from '../../../engine/errors.ts';
import type { RunCommand } from '../../../engine/facade.ts';
import type { OperationRequest } from '../../../http/route.ts';
import { runData } from '../encode.ts';
import { data, findRun, isRepeated, telnyxOperation } from '../operation.ts';
import { runDataSchema, runParamsSchema, single } from '../wire.ts';

/** As long as the SDK goes on repeating a request: three attempts of at most a minute, and the pauses between. */
const REPEATED_WITHIN_MS = 200_000;

export const resumeRun = telnyxOperation({
  method: 'POST',
  path: '/ai/missions/{mission_id}/runs/{run_id}/resume',
  role: 'operator',
  summary: 'Resume run',
  description:
    'A paused run goes on where it was paused; an external one is running then, even if it had never been started. One that is running already stays as it is.',
  params: runParamsSchema,
  replies: { 200: { description: 'The run', schema: single(runDataSchema) } },
  errors: ['invalid_transition', 'held'],
  handle: async (request) => {
    const { engine, caller, command } = request;
    const { run, unassignedId } = await findRun(request);
    if (run.status === 'queued') {
      throw new EngineError(
        'invalid_transition',
        'a run that is pending cannot be resumed: it is not paused',
        {
          currentStatus: run.status,
        },
      );
    }
    if (isTerminal(run.status) && isRepeated(request) && (await wasResumed(request, run))) {
      return data(200, runData(run, unassignedId));
    }
    const start: RunCommand[] = run.mode === 'external' ? [{ type: 'report', status: 'running' }] : [];
    return command(
      (options) => engine.runs.commands(caller, run.id, [{ type: 'resume' }, ...start], options),
      (changed) => data(200, runData(changed.run, unassignedId)),
    );
  },
});

/** The first request has taken effect, its reply was lost, and the run has ended before the second came. */
async function wasResumed(
  { engine, caller }: Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>,
  run: Run,
): Promise<boolean> {
  const last = await engine.events.list(caller, run.id, {
    types: ['run.resumed'],
    order: 'desc',
    limit: 1,
  });
  const [event] = last.data;
  if (event?.type !== 'run.resumed' || event.data.by.id !== caller.actor.id) return false;
  return Date.now() - Date.parse(event.at) < REPEATED_WITHIN_MS;
}
