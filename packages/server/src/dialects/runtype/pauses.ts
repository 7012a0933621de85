import { isJsonObject, type EventData, type Json, type JsonObject, type Wait } from '@fermata/protocol';
import { clientToolOf } from './face-data.ts';
import type { FrameDraft } from './frame.ts';
import { toolNamed, toolTypeOf, type Memory } from './memory.ts';

type Opened = EventData<'wait.opened'>;
type Closed = EventData<'wait.resolved'>;

/** A wait is opened: whoever is asked for something is told in the widget's words. */
export function opened(data: Opened, at: string, memory: Memory): FrameDraft[] {
  const { id, kind, callId } = data;
  const asked = askedBy(data, at, memory);
  memory.waits.set(id, { kind, callId, asked });
  if (asked !== null && memory.turn !== null) memory.turn.isPaused = true;
  const isDecision = kind === 'approval' || kind === 'in_doubt';
  const start = isDecision ? [] : shownStart(memory, data, at);
  return asked === null ? start : [...start, asked];
}

/** The frame that asks somebody outside; null for what goes on by itself, which is a tool at work. */
function askedBy(data: Opened, at: string, memory: Memory): FrameDraft | null {
  switch (data.kind) {
    case 'approval':
    case 'in_doubt':
      return approvalStart(data, at, memory);
    case 'tool_output':
      return awaitOf(data, at, memory);
    case 'input':
      return { ...awaitOf(data, at, memory), ...elicitationOf(data) };
    case 'timer':
    case 'run':
      return null;
  }
}

/** Calls that a flow makes for a step of its own (a request, a wait) are that step, and no tool. */
export function shownStart(
  memory: Memory,
  call: { callId: string | null; tool: string | null; args?: Json | null },
  at: string,
): FrameDraft[] {
  const turn = memory.calls.get(call.callId ?? '')?.turn ?? 0;
  const stepId = memory.openSteps.at(-1)?.stepId;
  const step = stepId === undefined ? undefined : memory.steps.get(stepId)?.step;
  const isShown = turn > 0 || step === undefined || step.type === 'tool' || step.type === 'agent';
  return isShown ? callStart(memory, call, at) : [];
}

/** `tool_start` of a call, once. */
function callStart(
  memory: Memory,
  { callId, tool, args }: { callId: string | null; tool: string | null; args?: Json | null },
  at: string,
): FrameDraft[] {
  if (callId === null || tool === null) return [];
  const call = memory.calls.get(callId) ?? { tool, args: args ?? {}, turn: 0, startedAt: null };
  memory.calls.set(callId, call);
  if (call.startedAt !== null) return [];
  call.startedAt = at;
  const known = toolNamed(memory, tool);
  const page = clientToolOf(memory.clientTools, tool);
  const start: FrameDraft = {
    type: 'tool_start',
    toolCallId: callId,
    toolName: page?.name ?? tool,
    toolType: toolTypeOf(known),
    parameters: parametersOf(args ?? call.args),
    ...iterationOf(memory, call.turn),
    ...stepOf(memory),
    startedAt: at,
    ...(page?.origin === undefined ? {} : { origin: page.origin }),
    ...(page?.pageOrigin === undefined ? {} : { pageOrigin: page.pageOrigin }),
  };
  if (known?.type !== 'client') call.start = start;
  return [start];
}

/** Source: wire section 6.2. */
function awaitOf(data: Opened, at: string, memory: Memory): FrameDraft {
  const page = clientToolOf(memory.clientTools, data.tool);
  return {
    type: 'await',
    toolName: page?.name ?? data.tool ?? '',
    toolCallId: data.callId ?? data.id,
    toolId: data.id,
    parameters: parametersOf(data.args),
    origin: page?.origin ?? 'sdk',
    ...(page?.pageOrigin === undefined ? {} : { pageOrigin: page.pageOrigin }),
    ...stepOf(memory),
    awaitedAt: at,
  };
}

/** A question to a person, with the schema of its answer. Source: wire section 6.4. */
function elicitationOf({ prompt, schema }: Opened): JsonObject {
  return {
    awaitReason: 'input_required',
    elicitation: { message: prompt, mode: 'form', ...(schema === null ? {} : { requestedSchema: schema }) },
  };
}

function approvalStart(data: Opened, at: string, memory: Memory): FrameDraft {
  const tool = data.tool ?? '';
  const known = toolNamed(memory, tool);
  const timeoutMs = data.deadlineAt === null ? null : Date.parse(data.deadlineAt) - Date.parse(at);
  const turn = data.callId === null ? 0 : (memory.calls.get(data.callId)?.turn ?? 0);
  return {
    type: 'approval_start',
    approvalId: data.id,
    toolName: clientToolOf(memory.clientTools, tool)?.name ?? tool,
    toolType: toolTypeOf(known),
    ...(data.callId === null ? {} : { toolCallId: data.callId }),
    description: data.kind === 'in_doubt' ? data.prompt : (known?.description ?? data.prompt),
    ...(data.kind === 'in_doubt' ? { reason: 'It may have been executed already.' } : {}),
    parameters: parametersOf(data.args),
    ...(timeoutMs === null ? {} : { timeout: Math.max(0, timeoutMs) }),
    startedAt: at,
    ...iterationOf(memory, turn),
    ...stepOf(memory),
  };
}

/** An approval is decided, by whom it may be. What became of other waits, the calls that they stood for tell. */
export function closed(data: Closed, at: string, memory: Memory): FrameDraft[] {
  const wait = memory.waits.get(data.waitId);
  memory.waits.delete(data.waitId);
  if (wait?.kind !== 'approval' && wait?.kind !== 'in_doubt') return [];
  return [approvalComplete(data.waitId, data.resolution, at)];
}

export function approvalComplete(
  approvalId: string,
  { outcome, by }: NonNullable<Wait['resolution']>,
  at: string,
): FrameDraft {
  return {
    type: 'approval_complete',
    approvalId,
    decision: by.type === 'system' && outcome === 'deny' ? 'timeout' : decisionOf(outcome),
    resolvedBy: by.type === 'system' ? 'system' : 'user',
    completedAt: at,
  };
}

function decisionOf(outcome: string): 'approved' | 'denied' | 'timeout' {
  if (outcome === 'expired') return 'timeout';
  return outcome === 'approve' || outcome === 'retry' || outcome === 'done' ? 'approved' : 'denied';
}

export function parametersOf(args: Json | null): JsonObject {
  if (isJsonObject(args)) return args;
  return args === null ? {} : { value: args };
}

export function iterationOf({ kind }: Memory, turn: number): JsonObject {
  return kind === 'agent' && turn > 0 ? { iteration: turn } : {};
}

export function stepOf({ openSteps }: Memory): JsonObject {
  const stepId = openSteps.at(-1)?.stepId;
  return stepId === undefined ? {} : { stepId };
}
