import { placedSteps, type FlowStep, type Json } from '@fermata/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findStep, nextStep, withStep, type FlowProgress, type StepOutcome } from './flow-path.ts';

function set(id: string): FlowStep {
  return { id, name: id, type: 'set', variable: 'x', value: id };
}
function condition(id: string, then: FlowStep[], other?: FlowStep[]): FlowStep {
  const branches = other === undefined ? { then } : { then, else: other };
  return { id, name: id, type: 'condition', condition: 'true', ...branches };
}

type Choices = readonly { outcome: StepOutcome; output: Json }[];

/** The ids of the steps that are come to, in order, as each ends by the next of the choices. */
function walk(steps: FlowStep[], choices: Choices): string[] {
  const path: string[] = [];
  let progress: FlowProgress = new Map();
  for (let step = nextStep(steps, progress); step !== null; step = nextStep(steps, progress)) {
    const choice = choices[path.length % choices.length] ?? { outcome: 'completed', output: true };
    path.push(step.id);
    if (path.length > 1_000) throw new Error('the flow has no end');
    progress = withStep(progress, step.id, choice);
  }
  return path;
}

const yes: Choices = [{ outcome: 'completed', output: true }];
const no: Choices = [{ outcome: 'completed', output: false }];

describe('the path through a flow', () => {
  const steps = [
    set('a'),
    condition('b', [set('b1'), condition('b2', [set('b21')])], [set('b3')]),
    condition('c', [set('c1')]),
    set('d'),
  ];

  it('is the order of the list, with the branch that a condition takes', () => {
    expect(walk(steps, yes)).toEqual(['a', 'b', 'b1', 'b2', 'b21', 'c', 'c1', 'd']);
    expect(walk(steps, no)).toEqual(['a', 'b', 'b3', 'c', 'd']);
  });

  it('takes no branch of a condition that was skipped or that failed', () => {
    const skipped: Choices = [{ outcome: 'skipped', output: null }];
    expect(walk(steps, skipped)).toEqual(['a', 'b', 'c', 'd']);
    expect(walk(steps, [{ outcome: 'failed', output: true }])).toEqual(['a', 'b', 'c', 'd']);
  });

  it('takes the other branch by anything but true', () => {
    expect(
      walk([condition('a', [set('a1')], [set('a2')])], [{ outcome: 'completed', output: 'yes' }]),
    ).toEqual(['a', 'a2']);
  });

  const tree = fc.letrec<{ steps: FlowStep[]; step: FlowStep }>((tie) => ({
    steps: fc.array(tie('step'), { maxLength: 4 }),
    step: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant(set('')),
      fc
        .tuple(tie('steps'), fc.option(tie('steps')))
        .map(([then, other]) => condition('', then, other ?? undefined)),
    ),
  })).steps;
  const choices = fc.array(
    fc.record({
      outcome: fc.constantFrom<StepOutcome[]>('completed', 'completed', 'skipped', 'failed'),
      output: fc.boolean(),
    }),
    { minLength: 1 },
  );

  it('has an end, comes to no step twice, and never goes back', () => {
    fc.assert(
      fc.property(tree, choices, (drawn, ends) => {
        const named = numbered(drawn);
        const order = [...placedSteps(named)].map(({ step }) => step.id);
        const places = walk(named, ends).map((id) => order.indexOf(id));
        expect(places.every((place, index) => place > (places[index - 1] ?? -1))).toBe(true);
        for (const id of order) expect(findStep(named, id)?.id).toBe(id);
      }),
    );
  });

  it('comes to every step of the list itself, whatever becomes of them', () => {
    fc.assert(
      fc.property(tree, choices, (drawn, ends) => {
        const named = numbered(drawn);
        const top = named.map((step) => step.id);
        expect(walk(named, ends).filter((id) => top.includes(id))).toEqual(top);
      }),
    );
  });
});

/** The same tree with ids of its own. */
function numbered(steps: readonly FlowStep[], counter = { n: 0 }): FlowStep[] {
  return steps.map((step) => {
    const id = `s${(counter.n += 1)}`;
    if (step.type !== 'condition') return { ...step, id };
    const then = numbered(step.then, counter);
    return step.else === undefined
      ? { ...step, id, then }
      : { ...step, id, then, else: numbered(step.else, counter) };
  });
}
