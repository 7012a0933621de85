import type { EventData, Json } from '@fermata/protocol';
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

export type Outcome =
  { success: true; result: Json; isMade?: true } | { success: false; error: string; isMade?: boolean };

/**
 * What became of a call. Of one that the page carries out nothing is told: the widget knows it, and would show a
 * second bubble without a name (wire section 0, rule 9); nor of one that was never begun.
 */
export function toolEnded(
  { callId, tool }: { callId: string; tool: string },
  outcome: Outcome,
  at: string,
  memory: Memory,
): FrameDraft[] {
  const call = memory.calls.get(callId);
  if (call === undefined || toolNamed(memory, tool)?.type === 'client') return [];
  // A call that cannot be made has failed without having been begun.
  const start =
    call.startedAt === null && outcome.isMade === false ? shownStart(memory, { callId, tool }, at) : [];
  if (call.startedAt === null) return [];
  call.start = undefined;
  const { isMade: _isMade, ...told } = outcome;
  return [
    ...start,
    {
      type: 'tool_complete',
      toolCallId: callId,
      toolName: tool,
      ...told,
      executionTime: Math.max(0, Date.parse(at) - Date.parse(call.startedAt)),
      ...iterationOf(memory, call.turn),
      ...stepOf(memory),
    },
  ];
}
