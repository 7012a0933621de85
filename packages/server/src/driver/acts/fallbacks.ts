import type { AgentFallback, RunAgent } from '@fermata/protocol';
import type { RunState } from '../../engine/state.ts';

/**
 * Which of the agent's fallbacks a turn has come to stands in its events, so that whoever takes the run over goes on
 * with it. Each is tried once; `retry` is the run's own model again, whatever was tried before.
 */
type WithFallbacks = Pick<RunAgent, 'fallbacks'>;
type AtTurn = Pick<RunState, 'turn'>;

/** The one that the turn is at; null while it is at none. */
export function fallbackOf({ fallbacks }: WithFallbacks, { turn }: AtTurn): AgentFallback | null {
  return turn.fallback === undefined ? null : (fallbacks?.[turn.fallback] ?? null);
}

/** The one that comes next; null when there is none, or they are used up. */
export function nextFallback(
  { fallbacks }: WithFallbacks,
  { turn }: AtTurn,
): { index: number; delayMs: number } | null {
  const index = turn.fallback === undefined ? 0 : turn.fallback + 1;
  const next = fallbacks?.[index];
  return next === undefined ? null : { index, delayMs: next.delayMs ?? 0 };
}
