import type { EventData, JsonObject } from '@fermata/protocol';
import type { FrameDraft } from './frame.ts';
import { toolNamed, type Memory } from './memory.ts';
import { iterationOf, shownStart, stepOf } from './pauses.ts';

export function toolStarted(
  { callId, tool }: EventData<'tool.started'>,
  at: string,
  memory: Memory,
): FrameDraft[] {
  return shownStart(memory, { callId, tool }, at);
}

/**
 * What became of a call. Of one that the page carries out nothing is told: the widget knows it, and would show a
 * second bubble without a name (wire section 0, rule 9); nor of one that was never begun.
 */
export function toolEnded(
  { callId, tool }: { callId: string; tool: string },
  outcome: { success: true; result: JsonObject[string] } | { success: false; error: string },
  at: string,
  memory: Memory,
): FrameDraft[] {
  const call = memory.calls.get(callId);
  if (call?.startedAt == null) return [];
  call.start = undefined;
  if (toolNamed(memory, tool)?.type === 'client') return [];
  return [
    {
      type: 'tool_complete',
      toolCallId: callId,
      toolName: tool,
      ...outcome,
      executionTime: Math.max(0, Date.parse(at) - Date.parse(call.startedAt)),
      ...iterationOf(memory, call.turn),
      ...stepOf(memory),
    },
  ];
}
