import type { FlowFallback, FlowStep, Json, JsonObject } from '@fermata/protocol';

/** Why an attempt counts as failed. */
export type StepTrigger = 'error' | 'empty_output';

export type AfterFailure = { kind: 'retry'; afterMs: number } | { kind: 'continue' } | { kind: 'fail' };

/** What follows when an attempt at a step has failed and `failed` of them had before. */
export function afterFailure(step: FlowStep, failed: number, trigger: StepTrigger): AfterFailure {
  const handling = step.onError;
  if (handling === undefined || !triggersOf(step).includes(trigger)) return { kind: 'fail' };
  const fallback = handling.fallbacks?.[failed];
  if (fallback !== undefined) return { kind: 'retry', afterMs: fallback.delayMs ?? 0 };
  return { kind: handling.then };
}

/** The fallback that an attempt tries after `failed` ones; null: the step as it is. */
export function fallbackAfter(step: FlowStep, failed: number): FlowFallback | null {
  return failed === 0 ? null : (step.onError?.fallbacks?.[failed - 1] ?? null);
}

/** What `step.completed` tells of the fallbacks. */
export function fallbackTold(step: FlowStep, failed: number): { fallback?: JsonObject } {
  const fallback = fallbackAfter(step, failed);
  if (fallback === null) return {};
  const model = fallback.type === 'model' ? { model: fallback.model } : {};
  return { fallback: { type: fallback.type, attempts: failed, ...model } };
}

/** The step says that an output with nothing in it is a failure, and this is one. */
export function isEmptyFailure(step: FlowStep, output: Json | null): boolean {
  return triggersOf(step).includes('empty_output') && isEmpty(output);
}

function triggersOf(step: FlowStep): readonly StepTrigger[] {
  return step.onError === undefined ? [] : (step.onError.on ?? ['error']);
}

function isEmpty(output: Json | null): boolean {
  if (output === null) return true;
  if (typeof output === 'string') return output.trim() === '';
  return typeof output === 'object' && Object.keys(output).length === 0;
}
