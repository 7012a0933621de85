import { EVENT_VERSION, type NewEvent, type RunEvent } from '@fermata/protocol';
import { apply } from './apply.ts';
import type { DecisionFacts } from './commands.ts';
import { learn } from './facts.ts';
import type { NewRun } from './new-run.ts';
import type { Sent, SentCommand } from './outbox.ts';
import type { RunState } from './state.ts';

/**
 * One commit in the making: deciders emit events, each is applied at once, so that the next command of the
 * commit, and the next step of the same decider, see the run as it will be.
 */
export interface Draft {
  state: RunState;
  readonly events: RunEvent[];
  /** RFC 3339; not before the run's last event. */
  readonly now: string;
  /** As of the last event that was emitted. */
  facts: DecisionFacts;
  emit(event: NewEvent): RunEvent;
  /** Left for other runs. */
  readonly sent: Sent[];
  send(runId: string, command: SentCommand): void;
  /** Child runs that are created in the same commit. */
  readonly started: NewRun[];
}

/** `state` is changed in place: give a copy of what must survive a refusal. */
export function createDraft(state: RunState, now: string, facts: DecisionFacts): Draft {
  const events: RunEvent[] = [];
  const at = now > state.at ? now : state.at;
  const draft: Draft = {
    state,
    events,
    now: at,
    facts,
    sent: [],
    started: [],
    send: (runId, command) => void draft.sent.push({ runId, senderSeq: draft.state.head, command }),
    emit(event) {
      const placed = {
        runId: state.runId,
        seq: state.head + 1,
        type: event.type,
        at,
        v: EVENT_VERSION,
        data: event.data,
      } as RunEvent;
      draft.facts = learn(draft.facts, state, placed);
      apply(state, placed);
      events.push(placed);
      return placed;
    },
  };
  return draft;
}
