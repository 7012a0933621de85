import type { FlowStep } from './flow.ts';

/** A step and where it stands: `path` below the list that was given, `depth` conditions around it. */
export interface PlacedStep {
  step: FlowStep;
  path: (string | number)[];
  depth: number;
}

/** Every step of a list, in the order of its text: a condition before what is inside it. */
export function* placedSteps(
  steps: readonly FlowStep[],
  path: readonly (string | number)[] = [],
  depth = 0,
): Generator<PlacedStep, void, void> {
  for (const [index, step] of steps.entries()) {
    const place = [...path, index];
    yield { step, path: place, depth };
    if (step.type !== 'condition') continue;
    yield* placedSteps(step.then, [...place, 'then'], depth + 1);
    yield* placedSteps(step.else ?? [], [...place, 'else'], depth + 1);
  }
}

/** The same list with each step mapped; a condition is mapped after its branches. */
export function mapSteps(steps: readonly FlowStep[], map: (step: FlowStep) => FlowStep): FlowStep[] {
  return steps.map((step) => {
    if (step.type !== 'condition') return map(step);
    const branches = {
      then: mapSteps(step.then, map),
      ...(step.else === undefined ? {} : { else: mapSteps(step.else, map) }),
    };
    return map({ ...step, ...branches });
  });
}
