import { isJsonObject, type EventData, type FlowStep, type Json, type JsonObject } from '@fermata/protocol';
import { fallbackSummary, stepAttemptFailed, stepFallbackEnded } from './fallback-frames.ts';
import type { FrameDraft } from './frame.ts';
import type { Memory, OpenStep } from './memory.ts';

/** The name that this wire has for a step's type: the one that it was given, or the nearest. */
function stepTypeOf(step: FlowStep | undefined): string {
  const own = step?.metadata?.['runtype'];
  if (isJsonObject(own ?? null)) {
    const { type } = own as JsonObject;
    if (typeof type === 'string') return type;
  }
  switch (step?.type) {
    case 'agent':
      return 'prompt';
    case 'tool':
      return 'tool-call';
    case 'http':
      return 'api-call';
    case 'transform':
      return 'transform-data';
    case 'set':
      return 'set-variable';
    case 'condition':
      return 'conditional';
    case 'wait':
      return 'wait-until';
    case 'send':
      return 'send-stream';
    case undefined:
      return 'unknown';
  }
}

function describe(memory: Memory, stepId: string): JsonObject & { id: string } {
  const known = memory.steps.get(stepId);
  return { id: stepId, name: known?.step.name ?? stepId, stepType: stepTypeOf(known?.step) };
}

function place(memory: Memory, stepId: string): JsonObject {
  return { index: memory.steps.get(stepId)?.index ?? 0, totalSteps: memory.steps.size };
}

export function stepStarted(memory: Memory, stepId: string, startedAt: string): FrameDraft[] {
  const output = memory.steps.get(stepId)?.step.output;
  return [
    {
      type: 'step_start',
      ...describe(memory, stepId),
      ...place(memory, stepId),
      ...(output === undefined ? {} : { outputVariable: output }),
      startedAt,
    },
  ];
}

/**
 * The step is over: how long it took, from the open steps, which know it no more. One that has begun and ended in one
 * commit has a single time, which tells nothing of how long it took.
 */
function leave(memory: Memory, stepId: string, at: string): JsonObject {
  const open = memory.openSteps.find((one) => one.stepId === stepId);
  memory.openSteps = memory.openSteps.filter((one) => one !== open);
  if (open === undefined || open.startedAt === at) return { completedAt: at };
  return { durationMs: Math.max(0, Date.parse(at) - Date.parse(open.startedAt)), completedAt: at };
}

export function stepCompleted(data: EventData<'step.completed'>, at: string, memory: Memory): FrameDraft[] {
  const { stepId, output, unresolved } = data;
  const step = memory.steps.get(stepId)?.step;
  memory.stepCounts.succeeded += 1;
  const begun = memory.openSteps.find((open) => open.stepId === stepId);
  const names = [...new Set([...(begun?.unresolved ?? []), ...(unresolved ?? [])])];
  const frames = memory.blocks.close();
  const said = step?.type === 'send' ? sent(memory, stepId, output) : [];
  return [
    ...frames,
    ...said,
    ...stepFallbackEnded(begun, true),
    {
      type: 'step_complete',
      ...describe(memory, stepId),
      success: true,
      result: resultOf(step, output),
      ...leave(memory, stepId, at),
      ...(step?.type === 'agent' ? { ...usedSince(memory, begun), stopReason: 'end_turn' } : {}),
      ...(names.length === 0 ? {} : { unresolvedVariables: names }),
      ...fallbackSummary(begun?.fallbacks ?? []),
    },
  ];
}

function usedSince({ usage }: Memory, begun: OpenStep | undefined): JsonObject {
  const before = begun?.before;
  if (before === undefined) return {};
  const tokensUsed = usage.input + usage.output - before.input - before.output;
  const isPriced = usage.costUsd !== null && before.costUsd !== null;
  return { tokensUsed, ...(isPriced ? { cost: (usage.costUsd ?? 0) - (before.costUsd ?? 0) } : {}) };
}

/** Text that the flow itself says stands as a block of its own. */
function sent(memory: Memory, stepId: string, output: Json): FrameDraft[] {
  const text = typeof output === 'string' ? output : JSON.stringify(output);
  if (text === '') return [];
  const id = `text_${memory.idBase}_${stepId}`;
  return [
    { type: 'text_start', id, stepId },
    { type: 'text_delta', id, delta: text },
    { type: 'text_complete', id, text },
  ];
}

/** The widget renders `result.response` whatever the type: only steps that speak have one. Wire section 4.2. */
function resultOf(step: FlowStep | undefined, output: Json): Json {
  if (step?.type !== 'agent')
    return isJsonObject(output) && 'response' in output ? { value: output } : output;
  return { response: typeof output === 'string' ? output : JSON.stringify(output) };
}

export function stepSkipped(data: EventData<'step.skipped'>, at: string, memory: Memory): FrameDraft[] {
  const { stepId, reason } = data;
  const when = memory.steps.get(stepId)?.step.when ?? reason ?? 'disabled';
  return [{ type: 'step_skip', ...describe(memory, stepId), ...place(memory, stepId), when, skippedAt: at }];
}

/** A step that is tried again has not ended. */
export function stepFailed(data: EventData<'step.failed'>, at: string, memory: Memory): FrameDraft[] {
  const { stepId, error, retryAfterMs } = data;
  const begun = memory.openSteps.find((open) => open.stepId === stepId);
  stepAttemptFailed(begun, error.message);
  if (retryAfterMs !== null) {
    return [{ type: 'error', error: { code: error.code, message: error.message }, recoverable: true }];
  }
  memory.stepCounts.failed += 1;
  return [
    ...memory.blocks.close(),
    ...stepFallbackEnded(begun, false),
    {
      type: 'step_complete',
      ...describe(memory, stepId),
      success: false,
      error: error.message,
      ...leave(memory, stepId, at),
      ...fallbackSummary(begun?.fallbacks ?? []),
    },
  ];
}
