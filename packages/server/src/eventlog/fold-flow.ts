import type { EventOf, Json, RunError, ToolCall, TranscriptCall } from '@fermata/protocol';
import type { FlowProgress, StepOutcome } from '../engine/flow-path.ts';

/** A run's flow as far as it was folded: its variables are computed from this and from its definition. */
export interface FoldedFlow {
  /** When the run was created, RFC 3339. */
  createdAt: string;
  /** In the order in which they were come to. */
  steps: FoldedStep[];
}

export interface FoldedStep {
  id: string;
  /** Event that began it last. */
  seq: number;
  /** 0: it was skipped. */
  attempt: number;
  /** Messages behind this seq that no step before has read are for its model. */
  since: number;
  input: Json | null;
  unresolved: string[];
  outcome: StepOutcome | null;
  output: Json | null;
  /** The call that carries it out, until the step is over. */
  call: TranscriptCall | null;
  /** Attempts that have failed, since the run was started or reopened. */
  failed: number;
  error: RunError | null;
  /** The next attempt is not made before, RFC 3339; null: at once. */
  retryAt: string | null;
}

type StepEvent = EventOf<'step.started' | 'step.completed' | 'step.skipped' | 'step.failed'>;

/** One event onto the flow, in place. `read`: the last seq that a model has read. */
export function applyToFlow(
  flow: FoldedFlow,
  event: StepEvent,
  { calls, read }: { calls: Map<string, TranscriptCall>; read: number },
): void {
  const { stepId } = event.data;
  const step = flow.steps.find(({ id }) => id === stepId) ?? newStep(flow, stepId, read);
  switch (event.type) {
    case 'step.started': {
      const { attempt, input, call, unresolved = [] } = event.data;
      forgetCall(step, calls);
      Object.assign(step, { seq: event.seq, attempt, input, unresolved, retryAt: null });
      if (call === undefined) return;
      step.call = transcriptCall(call);
      calls.set(call.callId, step.call);
      return;
    }
    case 'step.completed':
      Object.assign(step, { outcome: 'completed', output: event.data.output });
      forgetCall(step, calls);
      return;
    case 'step.skipped':
      Object.assign(step, { seq: event.seq, outcome: 'skipped' });
      return;
    case 'step.failed': {
      const { error, retryAfterMs, next } = event.data;
      const isDelayed = retryAfterMs !== null && retryAfterMs > 0;
      step.failed += 1;
      step.error = error;
      step.retryAt = isDelayed ? new Date(Date.parse(event.at) + retryAfterMs).toISOString() : null;
      if (next !== undefined) step.outcome = 'failed';
      forgetCall(step, calls);
      return;
    }
  }
}

/** A step that has failed is tried anew once the run goes on, with everything that may be tried instead of it. */
export function reopenFlow(flow: FoldedFlow): void {
  for (const step of flow.steps) if (step.outcome === null) Object.assign(step, { failed: 0, retryAt: null });
}

/** What became of the steps that are over. */
export function progressOf({ steps }: FoldedFlow): FlowProgress {
  return new Map(
    steps.flatMap(({ id, outcome, output }) =>
      outcome === null ? [] : [[id, { outcome, output }] as const],
    ),
  );
}

function newStep(flow: FoldedFlow, id: string, read: number): FoldedStep {
  const step: FoldedStep = {
    id,
    seq: 0,
    attempt: 0,
    since: read,
    input: null,
    unresolved: [],
    outcome: null,
    output: null,
    call: null,
    failed: 0,
    error: null,
    retryAt: null,
  };
  flow.steps.push(step);
  return step;
}

/** Its result is in the step's output, or is not to be used. */
function forgetCall(step: FoldedStep, calls: Map<string, TranscriptCall>): void {
  if (step.call !== null) calls.delete(step.call.callId);
  step.call = null;
}

/** A call as it was asked for. */
export function transcriptCall({ callId, providerCallId, tool, args }: ToolCall): TranscriptCall {
  return {
    callId,
    providerCallId,
    tool,
    args,
    editedArgs: null,
    approved: false,
    attempt: 0,
    state: 'ready',
    output: null,
    error: null,
  };
}
