import type { JsonObject } from '@fermata/protocol';
import type { FrameDraft } from './frame.ts';
import type { Memory } from './memory.ts';

/** One attempt of a fallback at a turn. Source: wire section 4.2, `fallback`. */
export type FallbackAttempt = {
  attempt: number;
  type: string;
  success: boolean;
  model?: string;
  error?: string;
};

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

/** The same of a step, whose event has the last attempt alone. */
export function stepFallback(data: JsonObject | undefined): { fallback?: JsonObject } {
  if (data === undefined) return {};
  const { type, attempts, model } = data;
  return fallbackSummary([
    {
      attempt: typeof attempts === 'number' ? attempts : 1,
      type: wireTypeOf(String(type)),
      success: true,
      ...(typeof model === 'string' ? { model } : {}),
    },
  ]);
}

function wireTypeOf(type: string): string {
  return type === 'output' ? 'message' : type;
}

function told(phase: 'start' | 'complete' | 'exhausted', attempt: FallbackAttempt): FrameDraft {
  return { type: 'custom', name: 'runtype.fallback', value: { phase, ...attempt } };
}
