import { canonicalJson, type Json, type JsonObject, type PlanStep, type RunEvent } from '@fermata/protocol';

/** A step as a client or an agent gives it. */
export interface NewPlanStep {
  id: string;
  description: string;
  sequence: number;
  parentStepId: string | null;
  metadata: JsonObject;
}

/** What of a step changes; what is absent stays. `metadata` is replaced as a whole. */
export interface PlanStepPatch {
  status?: PlanStep['status'];
  metadata?: JsonObject;
}

/**
 * A change of a run's plan. `extend` creates the plan, or adds to the one that is there, and numbers the steps itself:
 * behind those that are there, in the order given.
 */
export type PlanChange =
  | { kind: 'create' | 'add' | 'extend'; steps: readonly NewPlanStep[] }
  | { kind: 'update'; stepId: string; patch: PlanStepPatch };

/** A step, what it was created as, and the seq of the event that created it. */
export interface PlannedStep {
  step: PlanStep;
  definition: string;
  createdSeq: number;
}

/** The fold of a run's plan events: it stands in the log alone. */
export interface Plan {
  isCreated: boolean;
  steps: ReadonlyMap<string, PlannedStep>;
}

export const EMPTY_PLAN: Plan = { isCreated: false, steps: new Map() };

export const PLAN_EVENTS = ['plan.created', 'plan.steps_added', 'plan.step_updated'] as const;

/** The plan with one more event of the log; every other event leaves it as it is. */
export function withPlanEvent(plan: Plan, event: RunEvent): Plan {
  switch (event.type) {
    case 'plan.created':
    case 'plan.steps_added': {
      const steps = new Map(plan.steps);
      for (const step of event.data.steps) {
        steps.set(step.id, { step, definition: definitionOf(step), createdSeq: event.seq });
      }
      return { isCreated: plan.isCreated || event.type === 'plan.created', steps };
    }
    case 'plan.step_updated': {
      const planned = plan.steps.get(event.data.stepId);
      if (planned === undefined) return plan;
      const step = { ...planned.step, ...(event.data.patch as Partial<PlanStep>) };
      return { ...plan, steps: new Map(plan.steps).set(step.id, { ...planned, step }) };
    }
    default:
      return plan;
  }
}

/** The plan that these events of one log amount to. */
export function foldPlan(events: Iterable<RunEvent>): Plan {
  let plan = EMPTY_PLAN;
  for (const event of events) plan = withPlanEvent(plan, event);
  return plan;
}

/** Steps in their order: `sequence`, then as they were created. */
export function stepsOf(plan: Plan): PlanStep[] {
  return [...plan.steps.values()].map(({ step }) => step).sort((a, b) => a.sequence - b.sequence);
}

/** What makes two creations of a step the same. */
export function definitionOf(step: NewPlanStep): string {
  const { id, description, sequence, parentStepId, metadata } = step;
  return canonicalJson({ id, description, sequence, parentStepId, metadata } satisfies Json);
}
