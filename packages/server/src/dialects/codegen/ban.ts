import { isTerminal, type Run } from '@fermata/protocol';
import type { CommandOptions } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Changed } from '../../engine/facade.ts';
import type { CommandReply, OperationRequest } from '../../http/route.ts';
import { findRun } from './decode.ts';
import { encodeRun } from './encode.ts';
import { serverBase } from './links.ts';

type Request = OperationRequest<unknown, unknown, unknown>;

/** How often it is decided anew because the run has ended, or was reopened, meanwhile. */
const MOST_TRIES = 3;

/** Stops the run if it has not ended, and keeps it from ever going on: one commit. */
export function banRun(request: Request, id: number | string, message: string): Promise<CommandReply> {
  return sealed(request, id, message, async (run, options) => {
    const { engine, caller } = request;
    const reason = 'banned';
    if (isTerminal(run.status)) {
      return engine.runs.update(caller, run.id, { sealed: true, reason }, options);
    }
    return engine.runs.cancel(caller, run.id, { reason, seal: true }, options);
  });
}

/** Lets a run go on again when it is resumed. */
export function unbanRun(request: Request, id: number | string): Promise<CommandReply> {
  return sealed(request, id, 'Agent run unbanned.', (run, options) =>
    request.engine.runs.update(request.caller, run.id, { sealed: false, reason: 'unbanned' }, options),
  );
}

async function sealed(
  request: Request,
  id: number | string,
  message: string,
  change: (run: Run, options: CommandOptions) => Promise<Changed>,
): Promise<CommandReply> {
  await findRun(request, id);
  return request.command(
    async (options) => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await change(await findRun(request, id), options);
        } catch (error) {
          if (tries === MOST_TRIES || !hasMovedOn(error)) throw error;
        }
      }
    },
    ({ run }) => {
      const body = encodeRun(run, serverBase(request));
      return { status: 200, body: { ...body, agent_run_id: body.id, message, status_code: 200 } };
    },
  );
}

export function hasMovedOn(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'invalid_transition';
}
