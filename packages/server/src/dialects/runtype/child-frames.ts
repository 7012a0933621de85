import type { EventData, Wait } from '@fermata/protocol';
import type { FrameDraft } from './frame.ts';
import { toolTypeOf, type ChildMemory, type Memory } from './memory.ts';
import { approvalComplete, iterationOf, parametersOf } from './pauses.ts';

/** A child's text is told only as its call's output; what it waits for is asked here. */
export function childStarted(
  { childRunId, callId }: EventData<'child.started'>,
  memory: Memory,
): FrameDraft[] {
  memory.children.set(childRunId, { status: 'queued', callId, told: new Map() });
  return [];
}

export function childChanged(
  data: EventData<'child.changed'>,
  at: string,
  memory: Memory,
  below: ReadonlyMap<string, Wait>,
): FrameDraft[] {
  const child = memory.children.get(data.childRunId);
  if (child === undefined) return [];
  child.status = data.status;
  const open = new Set(data.openWaits.map(({ id }) => id));
  const frames = settled(child, open, below, at);
  for (const { id, kind, tool } of data.openWaits) {
    if (child.told.has(id)) continue;
    const wait = below.get(id);
    let asked: FrameDraft | null = null;
    if (kind === 'approval' || kind === 'in_doubt') asked = approvalBelow(memory, child, id, tool, wait, at);
    if (kind === 'tool_output' || kind === 'input') asked = awaitBelow(id, tool, wait, at);
    child.told.set(id, { kind, callId: wait?.callId ?? null, asked });
    if (asked === null) continue;
    if (memory.turn !== null) memory.turn.isPaused = true;
    frames.push(asked);
  }
  return frames;
}

export function childFinished(
  data: EventData<'child.finished'>,
  at: string,
  memory: Memory,
  below: ReadonlyMap<string, Wait>,
): FrameDraft[] {
  const child = memory.children.get(data.childRunId);
  if (child === undefined) return [];
  memory.children.delete(data.childRunId);
  return settled(child, new Set(), below, at);
}

/** Approvals of the child that were open and are not any more. */
function settled(
  child: ChildMemory,
  open: ReadonlySet<string>,
  below: ReadonlyMap<string, Wait>,
  at: string,
): FrameDraft[] {
  return [...child.told.keys()].flatMap((id) => {
    if (open.has(id)) return [];
    child.told.delete(id);
    const wait = below.get(id);
    if (
      wait === undefined ||
      wait.resolution === null ||
      (wait.kind !== 'approval' && wait.kind !== 'in_doubt')
    )
      return [];
    return [approvalComplete(id, wait.resolution, at)];
  });
}

function approvalBelow(
  memory: Memory,
  { callId }: ChildMemory,
  approvalId: string,
  tool: string | null,
  wait: Wait | undefined,
  at: string,
): FrameDraft {
  const call = memory.calls.get(callId);
  return {
    type: 'approval_start',
    approvalId,
    toolName: tool ?? 'tool',
    toolType: toolTypeOf(undefined),
    ...(wait === undefined || wait.callId === null ? {} : { toolCallId: wait.callId }),
    description: wait?.prompt ?? 'A delegated run asks for an approval.',
    parameters: parametersOf(wait?.args ?? null),
    startedAt: at,
    ...iterationOf(memory, call?.turn ?? 0),
    subagent: { toolName: call?.tool ?? 'delegate', parentToolCallId: callId },
  };
}

function awaitBelow(id: string, tool: string | null, wait: Wait | undefined, at: string): FrameDraft {
  return {
    type: 'await',
    toolName: tool ?? 'tool',
    toolCallId: wait?.callId ?? id,
    toolId: id,
    parameters: parametersOf(wait?.args ?? null),
    origin: 'sdk',
    awaitedAt: at,
  };
}
