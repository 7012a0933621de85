import {
  isTerminal,
  systemActor,
  type Actor,
  type Checkpoint,
  type CountingLimit,
  type RunError,
} from '@fermata/protocol';
import type { Draft } from '../draft.ts';
import { isInFlight } from '../state.ts';

/** Announces what the command has brought about: the turn is complete, the run is paused, the run waits. */
export function settle(draft: Draft): void {
  const { state } = draft;
  if (isTerminal(state.status)) return;
  if (state.turn.phase === 'tools' && state.calls.length === 0) {
    draft.emit({ type: 'turn.completed', data: { turn: state.turn.number } });
  }
  if (state.status === 'paused' && state.announced !== 'paused') {
    const holds = state.holds.map((hold) => hold.name);
    draft.emit({ type: 'run.paused', data: { checkpoint: checkpointOf(draft), holds } });
  }
  if (state.status === 'waiting' && state.announced !== 'waiting') {
    draft.emit({ type: 'run.waiting', data: { waitIds: state.waits.map((wait) => wait.id) } });
  }
}

/** Where the run stands now: the boundary before its next step. */
export function checkpointOf(draft: Draft): Checkpoint {
  const { turn, head } = draft.state;
  if (turn.phase === 'tools') return { seq: head, label: `turn-${turn.number}/before-tools` };
  if (turn.phase === 'done') return { seq: head, label: `turn-${turn.number + 1}/before-model` };
  return { seq: head, label: `turn-${turn.number}/before-model` };
}

/** Places a hold; the first one is announced. */
export function placeHold(
  draft: Draft,
  hold: { name: string; reason: string | null; by: Actor; stopClock: boolean; at?: 'checkpoint' | 'now' },
): void {
  const first = draft.state.holds.length === 0;
  draft.emit({
    type: 'hold.placed',
    data: {
      hold: {
        name: hold.name,
        reason: hold.reason,
        by: hold.by,
        since: draft.now,
        stopClock: hold.stopClock,
      },
      at: hold.at ?? 'checkpoint',
    },
  });
  if (first) draft.emit({ type: 'run.pausing', data: { by: hold.by, reason: hold.reason, hold: hold.name } });
}

/** Ends what a segment may still be doing, so that its later commits are refused. */
export function fence(draft: Draft, reason: 'pause_now' | 'cancelled' | 'reported' | 'failed'): void {
  if (draft.facts.driven || isInFlight(draft.state)) {
    draft.emit({ type: 'segment.returned', data: { reason } });
  }
}

/** Closes every open wait because the run ends. */
export function cancelWaits(draft: Draft, by: Actor, reason: string | null): void {
  for (const wait of [...draft.state.waits]) {
    draft.emit({
      type: 'wait.cancelled',
      data: {
        waitId: wait.id,
        callId: wait.callId,
        resolution: {
          outcome: 'cancelled',
          value: null,
          editedArgs: null,
          reason,
          by,
          at: draft.now,
          digestSeen: null,
          digest: wait.digest,
          via: 'system',
          remember: null,
        },
      },
    });
  }
}

export function failRun(draft: Draft, by: Actor, error: RunError, summary: string | null = null): void {
  cancelWaits(draft, by, error.message);
  draft.emit({ type: 'run.failed', data: { by, error, output: null, summary } });
}

/** The first counting limit that is used up, or null. `deadlineAt` is looked at by its own command. */
export function reachedLimit(draft: Draft, about: 'turn' | 'call' | 'any'): CountingLimit | null {
  const { usage, base, limits, status, statusSince } = draft.state;
  const live =
    status === 'running' || status === 'pausing' ? Date.parse(draft.now) - Date.parse(statusSince) : 0;
  const used: [CountingLimit, number, boolean][] = [
    ['maxTurns', usage.turns - base.turns, about !== 'call'],
    ['maxTokens', usage.inputTokens + usage.outputTokens - base.tokens, about !== 'call'],
    ['maxCostUsd', (usage.costUsd ?? 0) - base.costUsd, about !== 'call'],
    ['maxToolCalls', usage.toolCalls - base.toolCalls, about !== 'turn'],
    ['maxActiveSeconds', (usage.activeMs + live - base.activeMs) / 1000, true],
  ];
  for (const [name, amount, concerns] of used) {
    const limit = limits[name];
    if (concerns && limit !== undefined && limit !== null && amount >= limit) return name;
  }
  return null;
}

/** A limit is reached: a budget hold or the end, as the run says. */
export function exhaustLimit(draft: Draft, limit: CountingLimit | 'deadlineAt'): void {
  const by = systemActor('limits');
  const message = `${limit} (${String(draft.state.limits[limit])}) is reached`;
  if (draft.state.onLimit === 'pause') {
    if (draft.state.holds.some((hold) => hold.name === 'budget')) return;
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
} as const satisfies Record<CountingLimit | 'deadlineAt', string>;
