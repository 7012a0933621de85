import type { EventData, Json, JsonObject } from '@fermata/protocol';
import { fallbacksExhausted } from './fallback-frames.ts';
import type { FrameDraft } from './frame.ts';
import type { Memory } from './memory.ts';

/** Source: wire section 4.1. */
export function started(memory: Memory): FrameDraft {
  const { kind, createdAt: startedAt, agent, flow, maxTurns, steps } = memory;
  if (kind === 'flow') {
    return {
      type: 'execution_start',
      kind,
      startedAt,
      flowId: flow?.id ?? 'virtual',
      flowName: flow?.name ?? 'flow',
      totalSteps: steps.size,
      source: (flow?.id ?? null) === null ? 'virtual' : 'existing',
    };
  }
  return {
    type: 'execution_start',
    kind,
    startedAt,
    agentId: agent?.id ?? 'virtual',
    agentName: agent?.name ?? 'agent',
    ...(maxTurns === null ? {} : { maxTurns }),
    ...(agent === null ? {} : { config: { model: agent.model } }),
  };
}

export function succeeded(data: EventData<'run.succeeded'>, at: string, memory: Memory): FrameDraft[] {
  return [...memory.blocks.close(), complete(memory, at, data.output, 'complete')];
}

/** Limits of time, turns and money end an execution that is complete; its reason says so. Source: wire section 12. */
const STOPS: Readonly<Record<string, string>> = {
  max_turns: 'max_turns',
  budget_exhausted: 'max_cost',
  timed_out: 'timeout',
};

/** Why a run that did not succeed has stopped, where that is no failure on this wire; else null. */
export function stopReasonOf(code: string): string | null {
  return STOPS[code] ?? null;
}

export function failed(data: EventData<'run.failed'>, at: string, memory: Memory): FrameDraft[] {
  const { code, message } = data.error;
  const stop = stopReasonOf(code);
  if (stop !== null) return [...memory.blocks.close(), complete(memory, at, data.output, stop)];
  return [...memory.blocks.close(), ...fallbacksExhausted(memory), broken(memory, at, code, message)];
}

export function cancelled(data: EventData<'run.cancelled'>, at: string, memory: Memory): FrameDraft[] {
  return [
    ...memory.blocks.close(),
    broken(memory, at, 'CANCELLED', data.reason ?? 'The execution was cancelled'),
  ];
}

function broken({ kind }: Memory, at: string, code: string, message: string): FrameDraft {
  return { type: 'execution_error', kind, error: { code, message }, code, completedAt: at };
}

function complete(memory: Memory, at: string, output: Json, stopReason: string): FrameDraft {
  const { kind, createdAt, usage } = memory;
  return {
    type: 'execution_complete',
    kind,
    success: true,
    completedAt: at,
    durationMs: Math.max(0, Date.parse(at) - Date.parse(createdAt)),
    ...(output === null ? {} : { finalOutput: output }),
    ...(kind === 'agent' ? agentTotals(usage, stopReason) : flowTotals(memory, stopReason)),
  };
}

function agentTotals({ turns, input, output, costUsd }: Memory['usage'], stopReason: string): JsonObject {
  return {
    iterations: turns,
    stopReason,
    ...(costUsd === null ? {} : { totalCost: costUsd }),
    totalTokens: { input, output },
  };
}

function flowTotals({ steps, stepCounts, usage }: Memory, stopReason: string): JsonObject {
  return {
    totalSteps: steps.size,
    successfulSteps: stepCounts.succeeded,
    failedSteps: stepCounts.failed,
    stepErrorCount: stepCounts.failed,
    totalTokensUsed: usage.input + usage.output,
    ...(stopReason === 'complete' ? {} : { stopReason }),
  };
}
