import { systemActor, type CountingLimit, type DailyLimit } from '@fermata/protocol';
import { isActive } from '../apply.ts';
import type { ReachedDailyLimit } from '../commands.ts';
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

/** What limits stand in the way of: a model call, a tool call, a step of a flow. */
type LimitedAct = 'turn' | 'call' | 'step';

/** Which limits stand in the way of each. */
const OF_STEP: Record<LimitedAct, readonly CountingLimit[]> = {
  step: ['maxActiveSeconds'],
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
function reachedLimit(draft: Draft, step: LimitedAct): CountingLimit | null {
  return OF_STEP[step].find((limit) => isReached(draft, limit)) ?? null;
}

/** True when a limit stands in the way of the step: the run is held or has failed. Its own limits come first. */
export function stopAtLimit(draft: Draft, step: LimitedAct): boolean {
  const own = reachedLimit(draft, step);
  if (own !== null) {
    exhaustLimit(draft, own);
    return true;
  }
  const daily = draft.facts.daily?.find(({ limit }) => DAILY_OF_STEP[step].includes(limit));
  if (daily === undefined) return false;
  const message = describeDailyLimit(daily);
  if (draft.state.onLimit === 'pause') {
    placeHold(draft, { name: 'budget', reason: message, by: DAILY_LIMITS, stopClock: true });
  } else {
    fence(draft, 'failed');
    failRun(draft, DAILY_LIMITS, { code: 'budget_exhausted', message });
  }
  return true;
}

const DAILY_OF_STEP: Record<LimitedAct, readonly DailyLimit[]> = {
  step: [],
  turn: ['maxTurns', 'maxTokens', 'maxCostUsd'],
  call: ['maxToolCalls'],
};

/** Who places the holds of an organization's limits, which no resume can raise. */
export const DAILY_LIMITS = systemActor('daily limits');

export function describeDailyLimit({ limit, most, until }: ReachedDailyLimit): string {
  return `the organization’s daily ${limit} (${most}) is reached; it begins anew at ${until}`;
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
