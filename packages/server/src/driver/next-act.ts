import { dueAt, isInFlight, isStepAnswered, type RunState } from '../engine/state.ts';

/** What a segment does next with its run. */
export type Act =
  /** One model call. */
  | { kind: 'turn'; turn: number; attempt: number }
  /** Calls without a result that nobody carries out: request them, or open their waits. */
  | { kind: 'calls'; callIds: string[] }
  | { kind: 'finish' }
  /** In a flow: end the step that has its result, or begin the next. */
  | { kind: 'step' }
  /** Nothing to do here: the run is held, waits, has ended, or is driven by its client. */
  | { kind: 'park' }
  /** A step stands as in flight that this segment does not carry out: it must be given up before it is done again. */
  | { kind: 'give_back' };

/**
 * What the run needs next, by its state alone (design section 6). Total and pure. Asked between two steps of a
 * segment, when nothing is in flight: a step in flight then is somebody else's remains.
 */
export function nextAct(state: RunState): Act {
  if (dueAt(state) === null) return { kind: 'park' };
  if (isInFlight(state)) return { kind: 'give_back' };
  // Not paused although held is only a run that has something in flight, so here the run is `queued` or `running`.
  if (state.holds.length > 0 || state.startedAt === null) return { kind: 'park' };
  const { turn } = state;
  switch (turn.phase) {
    case 'model':
    case 'again':
      return { kind: 'turn', turn: turn.number, attempt: turn.attempt + 1 };
    case 'tools':
      return callsAct(state);
    case 'done':
      return afterTurn(state);
  }
}

function callsAct(state: RunState): Act {
  const callIds = actionableCalls(state).map((call) => call.callId);
  return callIds.length > 0 ? { kind: 'calls', callIds } : { kind: 'park' };
}

/** Calls of the turn that are neither done nor under way nor waited for. */
export function actionableCalls(state: RunState): RunState['calls'] {
  return state.calls.filter((call) => call.state === 'ready' || call.state === 'in_doubt');
}

function afterTurn(state: RunState): Act {
  const { waits, turn, inbox, flow } = state;
  if (waits.length > 0) return { kind: 'park' };
  if (flow !== undefined && (flow.step?.phase !== 'turns' || isStepAnswered(state))) return { kind: 'step' };
  if (flow !== undefined) return { kind: 'turn', turn: turn.number + 1, attempt: 1 };
  const isAnswered = turn.number > 0 && turn.asked === 0 && inbox.length === 0;
  return isAnswered ? { kind: 'finish' } : { kind: 'turn', turn: turn.number + 1, attempt: 1 };
}
