import { systemActor, type CountingLimit } from '@fermata/protocol';
import { isActive } from '../apply.ts';
import type { Draft } from '../draft.ts';
import { failRun, fence, placeHold } from './settle.ts';

type Limit = CountingLimit | 'deadlineAt';

export const LIMITS: readonly CountingLimit[] = [
  'maxTurns',
  'maxTokens',
  'maxCostUsd',
  'maxToolCalls',
  'maxActiveSeconds',
];

/** Which limits stand in the way of a model call, and which in the way of a tool call. */
const OF_STEP: Record<'turn' | 'call', readonly CountingLimit[]> = {
  turn: ['maxTurns', 'maxTokens', 'maxCostUsd', 'maxActiveSeconds'],
  call: ['maxToolCalls', 'maxActiveSeconds'],
};

/** What counts against the limit since the start or the last reopening, as of now. */
export function usedOf(draft: Pick<Draft, 'state' | 'now'>, limit: CountingLimit): number {
  const { usage, base, status, statusSince } = draft.state;
  switch (limit) {
    case 'maxTurns':
      return usage.turns - base.turns;
    case 'maxTokens':
      return usage.inputTokens + usage.outputTokens - base.tokens;
    case 'maxCostUsd':
      return (usage.costUsd ?? 0) - base.costUsd;
    case 'maxToolCalls':
      return usage.toolCalls - base.toolCalls;
    case 'maxActiveSeconds': {
      const live = isActive(status) ? Date.parse(draft.now) - Date.parse(statusSince) : 0;
      return (usage.activeMs + live - base.activeMs) / 1_000;
    }
  }
}

/** By time, not by letters: a deadline may come with any offset and precision. */
export function hasPassed(draft: Draft, deadline: string | null | undefined): boolean {
  return typeof deadline === 'string' && Date.parse(deadline) <= Date.parse(draft.now);
}

export function isReached(draft: Draft, limit: Limit): boolean {
  const { limits } = draft.state;
  if (limit === 'deadlineAt') return hasPassed(draft, limits.deadlineAt);
  const most = limits[limit] ?? null;
  return most !== null && usedOf(draft, limit) >= most;
}

/** The first counting limit that stands in the way of the step, or null. `deadlineAt` has its own command. */
export function reachedLimit(draft: Draft, step: 'turn' | 'call'): CountingLimit | null {
  return OF_STEP[step].find((limit) => isReached(draft, limit)) ?? null;
}

/** A limit is reached: a budget hold or the end, as the run says. */
export function exhaustLimit(draft: Draft, limit: Limit): void {
  const by = systemActor('limits');
  const message = `${limit} (${String(draft.state.limits[limit])}) is reached`;
  if (draft.state.onLimit === 'pause') {
    placeHold(draft, { name: 'budget', reason: message, by, stopClock: true });
    return;
  }
  fence(draft, 'failed');
  failRun(draft, by, { code: FAILURE_OF_LIMIT[limit], message });
}

const FAILURE_OF_LIMIT = {
  maxTurns: 'max_turns',
  maxTokens: 'budget_exhausted',
  maxCostUsd: 'budget_exhausted',
  maxToolCalls: 'budget_exhausted',
  maxActiveSeconds: 'timed_out',
  deadlineAt: 'timed_out',
} as const satisfies Record<Limit, string>;
