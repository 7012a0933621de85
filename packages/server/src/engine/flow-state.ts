import type { EventData } from '@fermata/protocol';
import { nextStep, runFlow } from './flow-path.ts';

/**
 * `step`: begun and not over. `next`: the one that may be begun, or the one that is; null: the flow is at its end.
 * Which step follows on which is said by the events, so that a decision needs no flow.
 */
export interface FlowState {
  step: StepState | null;
  next: string | null;
}

export interface StepState {
  id: string;
  /** From 1; each retry, and each request of a poll, is one more. */
  attempt: number;
  /** How it is carried out: by turns, by a call, by an act of its own. `failed`: it is to be done again. */
  phase: 'turns' | 'call' | 'own' | 'failed';
  /** Number of the turn before it; its own turns, or the one that its call stands in, have higher ones. */
  from: number;
}

/** Where a new run's flow begins; absent for a run without one, and where the client drives it. */
export function initialFlow(created: EventData<'run.created'>): { flow?: FlowState } {
  const flow = created.mode === 'managed' ? runFlow(created.flow) : null;
  if (flow === null) return {};
  return { flow: { step: null, next: nextStep(flow.steps, new Map())?.id ?? null } };
}
