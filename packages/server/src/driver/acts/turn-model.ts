import type { RunAgent, RunError } from '@fermata/protocol';
import type { ResolvedModel } from '../../agent/models/resolve-model.ts';
import type { RunState } from '../../engine/state.ts';

/** The model of the next turn: as it is named, and as `provider/name`; or why the run fails before it. */
export type TurnModel = { ok: true; name: string; model: string } | { ok: false; error: RunError };

export function turnModel(
  state: Pick<RunState, 'model'>,
  agent: Pick<RunAgent, 'model'>,
  resolve: (name: string) => ResolvedModel,
): TurnModel {
  const name = state.model ?? agent.model;
  const resolved = resolve(name);
  if (!resolved.ok) return { ok: false, error: { code: resolved.code, message: resolved.message } };
  return { ok: true, name, model: `${resolved.provider}/${resolved.model}` };
}
