import type { RunAgent, RunError } from '@fermata/protocol';
import type { ResolvedModel } from '../../agent/models/resolve-model.ts';
import type { RunState } from '../../engine/state.ts';
import type { SegmentDeps } from '../segment-ports.ts';

/** The model of the next turn: as it is named, and as `provider/name`; or why the run fails before it. */
export type TurnModel = { ok: true; name: string; model: string } | { ok: false; error: RunError };

export function turnModel(options: {
  state: Pick<RunState, 'model' | 'limits'>;
  agent: Pick<RunAgent, 'model'>;
  /** Goes before the run's and the agent's; null: none. */
  instead?: string | null;
  resolve(name: string): ResolvedModel;
  priceOf: SegmentDeps['priceOf'];
}): TurnModel {
  const { state, agent, instead = null, resolve, priceOf } = options;
  const name = instead ?? state.model ?? agent.model;
  const resolved = resolve(name);
  if (!resolved.ok) return { ok: false, error: { code: resolved.code, message: resolved.message } };
  const model = `${resolved.provider}/${resolved.model}`;
  // Start refuses it; the limit or another model may have come later.
  const isLimited = (state.limits.maxCostUsd ?? null) !== null;
  if (isLimited && priceOf(model, { inputTokens: 0, outputTokens: 0 }) === null) {
    const message = `the run has maxCostUsd, and ${model} has no price (FERMATA_PRICES)`;
    return { ok: false, error: { code: 'provider_not_configured', message } };
  }
  return { ok: true, name, model };
}
