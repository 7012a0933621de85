import { canonicalJson, type JsonObject, type PlanStep } from '@fermata/protocol';
import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { EngineError } from '../errors.ts';
import {
  definitionOf,
  EMPTY_PLAN,
  type NewPlanStep,
  type Plan,
  type PlannedStep,
  type PlanStepPatch,
} from '../plan.ts';
import { refuse, type Decision } from './refuse.ts';

/** Creates a plan, adds steps, updates one: accepted in every status. What was asked before changes nothing. */
export function plan(draft: Draft, { by, change }: CommandOf<'plan'>): Decision {
  const current = draft.facts.plan ?? EMPTY_PLAN;
  switch (change.kind) {
    case 'create':
    case 'add': {
      const type = change.kind === 'create' ? 'plan.created' : 'plan.steps_added';
      return repeatOf(current, change.steps) ?? createSteps(draft, current, type, by, change.steps);
    }
    case 'extend': {
      const type = current.isCreated ? 'plan.steps_added' : 'plan.created';
      return createSteps(draft, current, type, by, atTheEnd(current, change.steps));
    }
    case 'update':
      return updateStep(draft, current, by, change.stepId, change.patch);
  }
}

function createSteps(
  draft: Draft,
  current: Plan,
  type: 'plan.created' | 'plan.steps_added',
  by: CommandOf<'plan'>['by'],
  steps: readonly NewPlanStep[],
): Decision {
  const ids = new Set(steps.map((step) => step.id));
  if (ids.size < steps.length) throw new EngineError('invalid_request', 'two steps have the same id');
  if (steps.length === 0) return { changed: false, steps: [] };
  if (type === 'plan.created' && current.isCreated) {
    refuse(draft, 'already_exists', 'the run has another plan; add steps to it');
  }
  const taken = steps.find((step) => current.steps.has(step.id));
  if (taken !== undefined) {
    refuse(draft, 'already_exists', `the plan has another step ${JSON.stringify(taken.id)}`);
  }
  const created = steps.map(({ id, description, sequence, parentStepId, metadata }): PlanStep => ({
    id,
    description,
    status: 'pending',
    sequence,
    parentStepId,
    metadata,
    startedAt: null,
    completedAt: null,
  }));
  const { seq } = draft.emit({ type, data: { by, steps: created } });
  return { changed: true, seq, steps: created };
}

function atTheEnd(current: Plan, steps: readonly NewPlanStep[]): NewPlanStep[] {
  const last = Math.max(0, ...[...current.steps.values()].map(({ step }) => step.sequence));
  return steps.map((step, index) => ({ ...step, sequence: last + index + 1 }));
}

/** Exactly these steps were created by one earlier command: it is answered again, with the steps as they stand now. */
function repeatOf({ steps: known }: Plan, steps: readonly NewPlanStep[]): Decision | null {
  const first = known.get(steps[0]?.id ?? '');
  if (first === undefined) return null;
  const together = [...known.values()].filter((step) => step.createdSeq === first.createdSeq);
  if (together.length !== steps.length) return null;
  const isSame = (step: NewPlanStep): boolean => {
    const before = known.get(step.id);
    return before?.createdSeq === first.createdSeq && before.definition === definitionOf(step);
  };
  return steps.every(isSame) ? { changed: false, steps: together.map(({ step }) => step) } : null;
}

function updateStep(
  draft: Draft,
  current: Plan,
  by: CommandOf<'plan'>['by'],
  stepId: string,
  patch: PlanStepPatch,
): Decision {
  const planned = current.steps.get(stepId);
  if (planned === undefined) refuse(draft, 'not_found', `the plan has no step ${JSON.stringify(stepId)}`);
  const changes = changesOf(draft, planned, patch);
  const step: PlanStep = { ...planned.step, ...changes };
  if (Object.keys(changes).length === 0) return { changed: false, steps: [step] };
  const { seq } = draft.emit({
    type: 'plan.step_updated',
    data: { by, stepId, patch: changes as JsonObject },
  });
  return { changed: true, seq, steps: [step] };
}

/** With the times that follow from a status, so that the fold needs no rule. */
function changesOf(
  { now }: Draft,
  { step }: PlannedStep,
  { status, metadata }: PlanStepPatch,
): Partial<PlanStep> {
  const isNewMetadata = metadata !== undefined && canonicalJson(metadata) !== canonicalJson(step.metadata);
  if (status === undefined || status === step.status) return isNewMetadata ? { metadata } : {};
  const isOver = status === 'completed' || status === 'failed' || status === 'skipped';
  const completedAt = isOver ? now : null;
  return {
    status,
    ...(isNewMetadata ? { metadata } : {}),
    ...(status === 'in_progress' && step.startedAt === null ? { startedAt: now } : {}),
    ...(completedAt === step.completedAt ? {} : { completedAt }),
  };
}
