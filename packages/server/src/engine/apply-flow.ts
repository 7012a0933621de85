import type { EventOf, ToolCall } from '@fermata/protocol';
import type { CallState, RunState } from './state.ts';

type StepEvent = EventOf<'step.started' | 'step.completed' | 'step.skipped' | 'step.failed'>;

/** What a run's log says of the steps of its flow. */
export function applyStep(state: RunState, event: StepEvent): void {
  const { stepId } = event.data;
  if (event.type === 'step.started') {
    state.checkpoint = { seq: event.seq - 1, label: `step-${stepId}/before` };
    const { call, turns } = event.data;
    // What is carried out by a call or by turns is in flight as these are.
    if (call === undefined && turns === undefined) state.steps.push(stepId);
  } else {
    state.steps = state.steps.filter((other) => other !== stepId);
  }
  if (state.flow === undefined) return;
  switch (event.type) {
    case 'step.started':
      start(state, event);
      return;
    case 'step.completed':
    case 'step.skipped':
      state.flow = { step: null, next: event.data.next ?? null };
      return;
    case 'step.failed': {
      const { next, attempt } = event.data;
      const from = state.turn.number;
      state.flow =
        next === undefined
          ? { ...state.flow, step: { id: stepId, attempt, phase: 'failed', from } }
          : { step: null, next };
      // A turn that could not be made is not made again: the next attempt at the step begins with a new one.
      if (state.turn.phase === 'again') {
        const { number, attempt } = state.turn;
        state.turn = { number, attempt, phase: 'done', asked: 0 };
      }
      return;
    }
  }
}

function start(state: RunState, { data }: EventOf<'step.started'>): void {
  const { stepId: id, attempt, call, turns } = data;
  const from = state.turn.number;
  const phase = turns === true ? 'turns' : call === undefined ? 'own' : 'call';
  state.flow = { next: id, step: { id, attempt, phase, from } };
  if (call === undefined) return;
  state.turn = { number: from + 1, attempt: 1, phase: 'tools', asked: 1 };
  state.calls = [newCall(call)];
}

/** The segment is gone: a step's own act is to be done again. */
export function loseStep(state: RunState): void {
  if (state.flow?.step?.phase !== 'own') return;
  state.flow = { ...state.flow, step: { ...state.flow.step, phase: 'failed' } };
}

/** A call that nobody has begun. */
export function newCall({ callId, tool }: Pick<ToolCall, 'callId' | 'tool'>): CallState {
  return { callId, tool, state: 'ready', attempt: 0, approved: false, digest: null, early: [] };
}
