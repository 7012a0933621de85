import type { Caller } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Engine } from '../../engine/facade.ts';
import { invalidRequest } from '../../http/problem.ts';

/** Throws `invalid_request` for a target that is no agent or flow of the organization. */
export async function checkTarget(
  engine: Engine,
  caller: Caller,
  target: string | null | undefined,
): Promise<void> {
  if (target === undefined || target === null) return;
  try {
    await (target.startsWith('flow_') ? engine.flows : engine.agents).get(caller, target);
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'not_found')) throw error;
    throw invalidRequest([{ path: 'body.target', message: 'there is no such agent or flow' }]);
  }
}
