import type { StoredReply } from '../../engine/errors.ts';
import type { StartRun } from '../../engine/facade.ts';
import type { OperationRequest } from '../../http/route.ts';

/** Starts a run under the request's key; only its id is kept for repeats, which are answered anew from it. */
export async function startedRun(
  {
    engine,
    caller,
    command,
  }: Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller' | 'command'>,
  start: StartRun,
): Promise<string> {
  const { body } = await command(
    (options) => engine.runs.start(caller, start, options),
    ({ run }) => ({ status: 200, body: { runId: run.id } }),
  );
  return idIn(body);
}

/** The run that a repeated request has started. */
export function storedRun({ body }: StoredReply): string {
  return idIn(JSON.parse(body));
}

function idIn(body: unknown): string {
  if (typeof body === 'object' && body !== null && 'runId' in body) return String(body.runId);
  throw new Error('a kept reply names no run');
}
