import type { Json, JsonObject } from '@fermata/protocol';
import type { Caller } from '../../../engine/caller.ts';
import type { Engine } from '../../../engine/facade.ts';
import { codegenOperation } from '../operation.ts';
import { sessionRun } from '../sessions.ts';
import { sessionLogBody, sessionParams, sessionSchema } from '../wire.ts';

/** A longer line does not fit an event, and is kept as a file, bytes. */
const MAX_LINE_BYTES = 160 * 1024;
const MAX_KEY_LENGTH = 200;

export const logSessionLine = codegenOperation({
  operationId: 'log_claude_code_session',
  method: 'POST',
  path: '/v1/organizations/{org_id}/claude_code/session/{session_id}/log',
  tag: 'Sessions of the CLI',
  role: 'developer',
  summary: 'Log a line of a session’s transcript',
  description: 'A line with a `uuid` is logged once, however often it comes.',
  params: sessionParams,
  body: sessionLogBody,
  reply: sessionSchema,
  errors: ['not_found'],
  async handle(request) {
    const { engine, caller, params, body, command } = request;
    const run = await sessionRun(request, params.session_id);
    const data = await lineData(engine, caller, body.log);
    const { uuid } = body.log;
    const key = typeof uuid === 'string' && uuid !== '' && uuid.length <= MAX_KEY_LENGTH ? uuid : undefined;
    return command(
      (options) => engine.runs.addNote(caller, run.id, { type: 'claude_code', data, key }, options),
      (changed) => ({ status: 200, body: { agent_run_id: changed.run.number } }),
    );
  },
});

async function lineData(engine: Engine, caller: Caller, log: JsonObject): Promise<Json> {
  const text = JSON.stringify(log);
  if (Buffer.byteLength(text) <= MAX_LINE_BYTES) return log;
  return { file: await engine.blobs.put(caller, Buffer.from(text), 'application/json') };
}
