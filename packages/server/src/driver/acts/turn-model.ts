import type { FailureCode, RunAgent } from '@fermata/protocol';
import type { ResolvedModel } from '../../agent/models/resolve-model.ts';
import type { RunState } from '../../engine/state.ts';
import type { SegmentDeps } from '../segment-ports.ts';
import { fallbackOf, nextFallback } from './fallbacks.ts';

/**
 * The model of the next turn: as it is named, and as `provider/name`; or why there is none. `given`: the answer that
 * a fallback gives in its place, or null.
 */
export type TurnModel =
  | { ok: true; name: string; model: string; given: string | null; script: RunAgent['script'] }
  | { ok: false; name: string; error: { code: FailureCode; message: string }; failsTurn: boolean };

/** Stands for the model of a given answer: built in, so that it costs nothing. */
const GIVEN = 'script/fallback';

/** `failsTurn`: the turn alone fails, since there are fallbacks; else the run does. */
export function turnModel(options: {
  state: Pick<RunState, 'model' | 'limits' | 'turn'>;
  agent: Pick<RunAgent, 'model' | 'script' | 'fallbacks'>;
  /** Goes before the run's and the agent's; null: none. */
  instead?: string | null;
  resolve(name: string): ResolvedModel;
  priceOf: SegmentDeps['priceOf'];
}): TurnModel {
  const { state, agent, instead = null, resolve, priceOf } = options;
  const fallback = fallbackOf(agent, state);
  if (fallback?.type === 'output')
    return { ok: true, name: GIVEN, model: GIVEN, given: fallback.output, script: undefined };
  const isOther = fallback?.type === 'model';
  const name = isOther ? fallback.model : (instead ?? state.model ?? agent.model);
  const failsTurn = fallback !== null || nextFallback(agent, state) !== null;
  const resolved = resolve(name);
  if (!resolved.ok) {
    return { ok: false, name, error: { code: resolved.code, message: resolved.message }, failsTurn };
  }
  const model = `${resolved.provider}/${resolved.model}`;
  // Start refuses it; the limit or another model may have come later.
  const isLimited = (state.limits.maxCostUsd ?? null) !== null;
  if (isLimited && priceOf(model, { inputTokens: 0, outputTokens: 0 }) === null) {
    const message = `the run has maxCostUsd, and ${model} has no price (FERMATA_PRICES)`;
    return { ok: false, name, error: { code: 'provider_not_configured', message }, failsTurn };
  }
  // The agent's script is for its own model.
  return { ok: true, name, model, given: null, script: isOther ? undefined : agent.script };
}
