import type { RunEvent } from '@fermata/protocol';
import type { DecisionFacts } from './commands.ts';
import { EMPTY_PLAN, withPlanEvent } from './plan.ts';
import { recordPatch } from './record.ts';
import type { RunState } from './state.ts';

/**
 * What a commit's own events add to what was read under the lock, so that the second of two commands in one commit
 * knows what the first has done. `before` is the state without the event.
 */
export function learn(facts: DecisionFacts, before: RunState, event: RunEvent): DecisionFacts {
  switch (event.type) {
    case 'wait.resolved':
    case 'wait.expired':
    case 'wait.superseded':
    case 'wait.cancelled': {
      const { waitId: id, callId, resolution } = event.data;
      const kind = before.waits.find((wait) => wait.id === id)?.kind ?? '';
      return { ...facts, closed: [...facts.closed, { id, kind, callId, resolution }] };
    }
    case 'wait.answered_early': {
      const { callId, answer, via, early } = event.data;
      const { kind, by, at, role = 'operator' } = early;
      return { ...facts, early: [...facts.early, { callId, kind, answer, by, role, via, at }] };
    }
    case 'message.received':
      return withKey(facts, 'message', event.data.messageId, event.seq);
    case 'note.logged':
      return withKey(facts, 'note', event.data.key, event.seq);
    case 'run.updated':
    case 'run.succeeded':
    case 'run.failed':
    case 'run.reopened':
      if (facts.record === null) return facts;
      return { ...facts, record: { ...facts.record, ...recordPatch(facts.record, event) } };
    case 'plan.created':
    case 'plan.steps_added':
    case 'plan.step_updated':
      return { ...facts, plan: withPlanEvent(facts.plan ?? EMPTY_PLAN, event) };
    default:
      return facts;
  }
}

function withKey(
  facts: DecisionFacts,
  kind: 'message' | 'note',
  key: string | null,
  seq: number,
): DecisionFacts {
  return key === null ? facts : { ...facts, known: new Map([...facts.known, [`${kind}:${key}`, seq]]) };
}
