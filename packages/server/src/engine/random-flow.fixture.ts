import { completeStep, failStep, skipStep, startStep } from './commands.fixture.ts';
import type { Command, CommandOf, StepEnd } from './commands.ts';
import type { RunState } from './state.ts';

type Run = { readonly state: RunState };

const pick = <T>(n: number, ...choices: readonly T[]): T => choices[n % choices.length] as T;
const IDS = ['s1', 's2', 's3'];

/** What a segment, or a confused one, does with the run's flow, wherever it stands. */
export function stepCommands(run: Run, a: number, b: number, c: number): Command[] {
  const { flow } = run.state;
  const isBegun = (flow?.step?.phase ?? 'failed') !== 'failed';
  // A poll, or a call that was not made, is followed by another attempt.
  if (isBegun && b % 6 > 0) return stepEnd(run, c);
  if (flow?.next === null) return [{ type: 'finish', output: 'done' }];
  if (flow?.step === null && b % 5 === 0) return [skipStep(run, following(run))];
  const works: CommandOf<'startStep'>['work'][] = [
    { kind: 'turns' },
    { kind: 'call', tool: 'tool', args: { n: 1 } },
    { kind: 'own', then: stepEnd(run, c, (flow?.step?.attempt ?? 0) + 1) },
  ];
  return [
    startStep(run, pick(a, ...works), { stepId: pick(c, flow?.next ?? 's1', flow?.next ?? 's1', 's2') }),
  ];
}

/** How the step that is begun ends, and the run with the last. */
export function stepEnd(run: Run, c: number, attempt?: number): StepEnd[] {
  const next = following(run);
  const over = attempt === undefined ? {} : { attempt };
  if (c % 4 === 0) return [failStep(run, pick(c / 4, ...failures(run)), over)];
  const completed = completeStep(run, { next, ...over });
  return next === null ? [completed, { type: 'finish', output: 'out' }] : [completed];
}

/** A turn fails, and the flow's step with it. */
export function failedStep(run: Run, a: number): CommandOf<'failTurn'>['then'] {
  if (run.state.flow === undefined) return { kind: 'fail' };
  return { kind: 'step', step: failStep(run, pick(a, ...failures(run))) };
}

function failures(run: Run): CommandOf<'failStep'>['then'][] {
  return [
    { kind: 'retry', afterMs: 5 },
    { kind: 'continue', next: following(run) },
    { kind: 'fail', error: { code: 'step_failed', message: 'no' } },
  ];
}

function following({ state }: Run): string | null {
  return IDS[IDS.indexOf(state.flow?.next ?? '') + 1] ?? null;
}
