import type { JsonObject } from '@fermata/protocol';
import type { FrameDraft } from './frame.ts';
import type { FallbackAttempt, Memory, OpenStep } from './memory.ts';

/** A fallback is tried. */
export function fallbackStarted(memory: Memory, index: number | undefined): FrameDraft[] {
  const { turn, agent } = memory;
  if (turn === null || index === undefined) return [];
  const fallback = agent?.fallbacks?.[index];
  const attempt: FallbackAttempt = {
    attempt: turn.fallbacks.length + 1,
    type: wireTypeOf(fallback?.type ?? 'retry'),
    success: false,
    ...(fallback?.type === 'model' ? { model: fallback.model } : {}),
  };
  turn.fallbacks.push(attempt);
  return [told('start', attempt)];
}

export function fallbackFailed({ turn }: Memory, error: string): void {
  const last = turn?.fallbacks.at(-1);
  if (last !== undefined) last.error = error;
}

export function fallbackCompleted({ turn }: Memory): FrameDraft[] {
  const last = turn?.fallbacks.at(-1);
  if (last === undefined) return [];
  last.success = true;
  return [told('complete', last)];
}

/** The run has failed, and none was left. */
export function fallbacksExhausted({ turn }: Memory): FrameDraft[] {
  const last = turn?.fallbacks.at(-1);
  return last === undefined || last.success ? [] : [told('exhausted', last)];
}

/** What `turn_complete` and `step_complete` say of fallbacks. */
export function fallbackSummary(attempts: readonly FallbackAttempt[]): { fallback?: JsonObject } {
  const last = attempts.at(-1);
  if (last === undefined) return {};
  const model = last.model === undefined ? {} : { model: last.model };
  return { fallback: { used: true, exhausted: !last.success, attempts: [...attempts], ...model } };
}

/** A step is begun again: after a failure a fallback is tried, after a loss what was tried before. */
export function stepFallbackStarted({ steps }: Memory, open: OpenStep): FrameDraft[] {
  if (open.failed <= open.fallbacks.length) return [];
  const fallback = steps.get(open.stepId)?.step.onError?.fallbacks?.[open.failed - 1];
  const attempt: FallbackAttempt = {
    attempt: open.fallbacks.length + 1,
    type: wireTypeOf(fallback?.type ?? 'retry'),
    success: false,
    ...(fallback?.type === 'model' ? { model: fallback.model } : {}),
  };
  open.fallbacks.push(attempt);
  return [told('start', attempt, open)];
}

export function stepAttemptFailed(open: OpenStep | undefined, error: string): void {
  if (open === undefined) return;
  open.failed += 1;
  const last = open.fallbacks.at(-1);
  if (last !== undefined) last.error = error;
}

/** The step is over, by its last fallback or in spite of it. */
export function stepFallbackEnded(open: OpenStep | undefined, success: boolean): FrameDraft[] {
  const last = open?.fallbacks.at(-1);
  if (last === undefined) return [];
  last.success = success;
  return [told(success ? 'complete' : 'exhausted', last, open)];
}

function wireTypeOf(type: string): string {
  return type === 'output' ? 'message' : type;
}

function told(
  phase: 'start' | 'complete' | 'exhausted',
  attempt: FallbackAttempt,
  step?: Pick<OpenStep, 'stepId'>,
): FrameDraft {
  const at = step === undefined ? {} : { stepId: step.stepId };
  return { type: 'custom', name: 'runtype.fallback', value: { phase, ...at, ...attempt } };
}
