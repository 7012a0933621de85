import {
  isJsonObject,
  placedSteps,
  type FlowStep,
  type Json,
  type JsonObject,
  type RunFlow,
} from '@fermata/protocol';

/** What became of a step. `failed`: the flow has gone on without it. */
export type StepOutcome = 'completed' | 'skipped' | 'failed';

/** How far a flow has come: of each step that is over, what became of it and what it gave. */
export type FlowProgress = ReadonlyMap<string, { outcome: StepOutcome; output: Json | null }>;

/**
 * The step that comes next: the first that is not over, in the order of the list; after a condition that was
 * completed, those of the branch that it took. Null: the flow is at its end. Pure, so that every process, today and
 * in a month, finds the same.
 */
export function nextStep(steps: readonly FlowStep[], progress: FlowProgress): FlowStep | null {
  for (const step of steps) {
    const over = progress.get(step.id);
    if (over === undefined) return step;
    if (step.type !== 'condition' || over.outcome !== 'completed') continue;
    const inside = nextStep(branchOf(step, over.output), progress);
    if (inside !== null) return inside;
  }
  return null;
}

/** The steps that a condition with this output leads to. */
function branchOf(step: FlowStep & { type: 'condition' }, output: Json | null): readonly FlowStep[] {
  return output === true ? step.then : (step.else ?? []);
}

/** The progress once the step is over too. */
export function withStep(
  progress: FlowProgress,
  stepId: string,
  over: { outcome: StepOutcome; output: Json | null },
): FlowProgress {
  return new Map([...progress, [stepId, over]]);
}

/** The step of that id, wherever it is nested, or null. */
export function findStep(steps: readonly FlowStep[], stepId: string): FlowStep | null {
  for (const { step } of placedSteps(steps)) if (step.id === stepId) return step;
  return null;
}

/** A run's flow, which was checked and pinned when the run was started; null for a run of an agent. */
export function runFlow(flow: JsonObject | null): RunFlow | null {
  if (flow === null || !Array.isArray(flow['steps']) || !flow['steps'].every(isJsonObject)) return null;
  return flow as unknown as RunFlow;
}
