import { isTerminal, type Actor, type Checkpoint, type RunError } from '@fermata/protocol';
import type { Draft } from '../draft.ts';
import { isInFlight } from '../state.ts';
import { systemResolution } from './system-resolution.ts';

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
  const { turn, head, flow } = draft.state;
  const step = flow?.step ?? null;
  const isBetween = turn.phase === 'done' && (step === null || step.phase === 'failed');
  if (flow !== undefined && flow.next !== null && isBetween)
    return { seq: head, label: `step-${flow.next}/before` };
  if (turn.phase === 'tools') return { seq: head, label: `turn-${turn.number}/before-tools` };
  if (turn.phase === 'done') return { seq: head, label: `turn-${turn.number + 1}/before-model` };
  return { seq: head, label: `turn-${turn.number}/before-model` };
}

/** Places a hold that is not on yet; the first one is announced. */
export function placeHold(
  draft: Draft,
  hold: {
    name: string;
    reason: string | null;
    by: Actor;
    stopClock: boolean;
    at?: 'checkpoint' | 'now';
    tree?: boolean;
  },
): void {
  if (draft.state.holds.some((other) => other.name === hold.name)) return;
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
        ...(hold.tree === undefined ? {} : { tree: hold.tree }),
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
    const resolution = systemResolution(draft, wait, { outcome: 'cancelled', reason, by });
    draft.emit({ type: 'wait.cancelled', data: { waitId: wait.id, callId: wait.callId, resolution } });
  }
}

/** The run's own agent, as whoever ends it. */
export function agentOf(draft: Draft): Actor {
  return { type: 'agent', id: draft.state.runId, name: 'agent' };
}

/** Nothing is in flight in a run that has ended: what is, is given up before. */
export function failRun(draft: Draft, by: Actor, error: RunError): void {
  if (isInFlight(draft.state)) fence(draft, 'failed');
  cancelWaits(draft, by, error.message);
  draft.emit({ type: 'run.failed', data: { by, error, output: null, summary: null } });
}
