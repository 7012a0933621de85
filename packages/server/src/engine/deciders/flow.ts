import type { CommandOf, StepEnd } from '../commands.ts';
import type { Draft } from '../draft.ts';
import type { FlowState, StepState } from '../flow-state.ts';
import { isStepAnswered } from '../state.ts';
import { canFinish, succeed } from './finishing.ts';
import { stopAtLimit } from './limits.ts';
import { CHANGED, stale, type Decision } from './refuse.ts';
import { agentOf, failRun } from './settle.ts';

/**
 * Begins a step, or another attempt at it: the one that the log says comes next, and no other. What carries it out
 * follows as turns, as a call, or in this very commit.
 */
export function startStep(draft: Draft, command: CommandOf<'startStep'>): Decision {
  const { stepId, attempt, input, unresolved, work } = command;
  const flow = flowBetween(draft, stepId);
  const before = flow.step?.attempt ?? 0;
  if (flow.step?.phase === 'turns' || attempt !== before + 1)
    stale(draft, `attempt ${attempt} at step ${stepId} cannot be started after attempt ${before}`);
  if (stopAtLimit(draft, 'step')) return CHANGED;
  const { number, turn } = draft.state;
  const callId = `call_${number.toString(36)}_${turn.number + 1}_1`;
  draft.emit({
    type: 'step.started',
    data: {
      stepId,
      attempt,
      input,
      ...(work.kind === 'call'
        ? { call: { callId, providerCallId: null, tool: work.tool, args: work.args } }
        : {}),
      ...(work.kind === 'turns' ? { turns: true } : {}),
      ...(unresolved === undefined ? {} : { unresolved }),
    },
  });
  if (work.kind === 'own') endStep(draft, work.then);
  return CHANGED;
}

/** The end of a step, and of the run where nothing comes after it. */
export function endStep(draft: Draft, ends: readonly StepEnd[]): void {
  for (const end of ends) {
    if (end.type === 'completeStep') completeStep(draft, end);
    else if (end.type === 'failStep') failStep(draft, end);
    else if (canFinish(draft)) succeed(draft, end.output);
  }
}

/** The flow, when nothing is under way in it and `stepId` is what comes next. */
function flowBetween(draft: Draft, stepId: string): FlowState {
  const { flow, turn, waits } = draft.state;
  if (flow === undefined) stale(draft, 'the run has no flow');
  if (flow.next !== stepId) stale(draft, `step ${stepId} is not what comes next (${flow.next ?? 'nothing'})`);
  if (flow.step?.phase === 'own') stale(draft, `step ${stepId} is under way`);
  if (turn.phase !== 'done') stale(draft, `turn ${turn.number} is not done (${turn.phase})`);
  if (waits.length > 0) stale(draft, 'waits are open');
  return flow;
}

export function skipStep(draft: Draft, command: CommandOf<'skipStep'>): Decision {
  const { stepId, reason, next } = command;
  const flow = flowBetween(draft, stepId);
  if (flow.step !== null && flow.step.phase !== 'failed') stale(draft, `step ${stepId} was begun`);
  draft.emit({ type: 'step.skipped', data: { stepId, reason, next } });
  return CHANGED;
}

/** The step is over, and its output is kept: nothing of it is done again. */
export function completeStep(draft: Draft, command: CommandOf<'completeStep'>): Decision {
  const { stepId, attempt, output, next, unresolved, fallback } = command;
  const step = begunStep(draft, stepId, attempt);
  if (step.phase === 'failed') stale(draft, `attempt ${attempt} at step ${stepId} has failed`);
  if (step.phase === 'turns' && !isStepAnswered(draft.state))
    stale(draft, 'there is something left to answer');
  draft.emit({
    type: 'step.completed',
    data: {
      stepId,
      output,
      next,
      ...(unresolved === undefined ? {} : { unresolved }),
      ...(fallback === undefined ? {} : { fallback }),
    },
  });
  return CHANGED;
}

export function failStep(draft: Draft, command: CommandOf<'failStep'>): Decision {
  const { stepId, attempt, error, then } = command;
  const step = begunStep(draft, stepId, attempt);
  if (step.phase === 'failed') stale(draft, `attempt ${attempt} at step ${stepId} has failed already`);
  const retryAfterMs = then.kind === 'retry' ? then.afterMs : null;
  const next = then.kind === 'continue' ? { next: then.next } : {};
  draft.emit({ type: 'step.failed', data: { stepId, attempt, error, retryAfterMs, ...next } });
  if (then.kind === 'fail') failRun(draft, agentOf(draft), then.error);
  return CHANGED;
}

/** The step that was begun, when what carries it out has come to its end: no call is left, no model is asked. */
function begunStep(draft: Draft, stepId: string, attempt: number): StepState {
  const { flow, turn, calls } = draft.state;
  const step = flow?.step ?? null;
  if (step === null || step.id !== stepId || step.attempt !== attempt)
    stale(draft, `attempt ${attempt} at step ${stepId} is not under way`);
  if (turn.phase === 'model' || turn.phase === 'tools' || calls.length > 0)
    stale(draft, `step ${stepId} is being carried out (${turn.phase})`);
  return step;
}
