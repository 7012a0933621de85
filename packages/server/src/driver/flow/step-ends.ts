import type { FlowStep, Json, RunError, RunFlow } from '@fermata/protocol';
import type { CommandOf, StepEnd } from '../../engine/commands.ts';
import { findStep, nextStep, withStep, type StepOutcome } from '../../engine/flow-path.ts';
import { progressOf, type FoldedFlow } from '../../eventlog/fold-flow.ts';
import { afterFailure, fallbackTold, isEmptyFailure, type StepTrigger } from './after-failure.ts';

/** An attempt at a step of a flow. */
export interface StepAttempt {
  flow: RunFlow;
  folded: FoldedFlow;
  step: FlowStep;
  attempt: number;
  /** Attempts that have failed before it. */
  failed: number;
}

/** What ends the attempt with this output: the step, and the run where nothing comes after it. */
export function endsWith(tried: StepAttempt, output: Json | null, unresolved: readonly string[]): StepEnd[] {
  const { flow, folded, step, attempt, failed } = tried;
  if (isEmptyFailure(step, output) && fallbackTold(step, failed).fallback?.['type'] !== 'output') {
    return [failsWith(tried, { code: 'empty_output', message: 'the output is empty' }, 'empty_output')];
  }
  const next = nextId(tried, 'completed', output);
  const completed: CommandOf<'completeStep'> = {
    type: 'completeStep',
    stepId: step.id,
    attempt,
    output,
    next,
    ...(unresolved.length === 0 ? {} : { unresolved: [...unresolved] }),
    ...fallbackTold(step, failed),
  };
  if (next !== null) return [completed];
  return [completed, { type: 'finish', output: flowOutput(flow, folded, { step, output }) }];
}

/** What ends the attempt with a failure: another one, the next step, or the end of the run. */
export function failsWith(
  tried: StepAttempt,
  error: RunError,
  trigger: StepTrigger = 'error',
): CommandOf<'failStep'> {
  const { step, attempt, failed } = tried;
  const after = afterFailure(step, failed, trigger);
  return { type: 'failStep', stepId: step.id, attempt, error, then: thenOf() };

  function thenOf(): CommandOf<'failStep'>['then'] {
    switch (after.kind) {
      case 'retry':
        return after;
      case 'continue':
        return { kind: 'continue', next: nextId(tried, 'failed', null) };
      case 'fail': {
        const message = `step "${step.name}" (${step.id}) failed: ${error.message}`;
        return { kind: 'fail', error: { code: 'step_failed', message } };
      }
    }
  }
}

/** The id of the step that comes after this one. */
export function nextId(
  { flow, folded, step }: Pick<StepAttempt, 'flow' | 'folded' | 'step'>,
  outcome: StepOutcome,
  output: Json | null,
): string | null {
  return nextStep(flow.steps, withStep(progressOf(folded), step.id, { outcome, output }))?.id ?? null;
}

/** A flow's output: that of the last step that had one. Conditions have none: theirs says which way it went. */
export function flowOutput(
  flow: RunFlow,
  folded: FoldedFlow,
  last?: { step: FlowStep; output: Json | null },
): Json | null {
  if (last !== undefined && last.output !== null && last.step.type !== 'condition') return last.output;
  const had = folded.steps.findLast(
    ({ id, outcome, output }) =>
      outcome === 'completed' && output !== null && findStep(flow.steps, id)?.type !== 'condition',
  );
  return had?.output ?? null;
}
