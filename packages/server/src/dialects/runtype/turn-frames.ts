import { textOf, type EventData, type JsonObject, type Part } from '@fermata/protocol';
import type { BlockKind } from './blocks.ts';
import { fallbackCompleted, fallbackFailed, fallbackStarted, fallbackSummary } from './fallback-frames.ts';
import type { FrameDraft } from './frame.ts';
import type { Memory } from './memory.ts';
import { iterationOf, stepOf } from './pauses.ts';

export function turnStarted(data: EventData<'turn.started'>, memory: Memory): FrameDraft[] {
  const { turn, attempt, fallback } = data;
  if (attempt > 1 && memory.turn?.number === turn) {
    memory.blocks.again();
    return fallbackStarted(memory, fallback);
  }
  const id = `turn_${memory.idBase}_${turn}`;
  memory.turn = { id, number: turn, completed: null, isPaused: false, fallbacks: [] };
  const frames = memory.blocks.close();
  const stepId = memory.openSteps.at(-1)?.stepId;
  memory.blocks.begin(`${memory.idBase}_${turn}`, {
    ...(memory.kind === 'agent' ? ({ role: 'assistant', turnId: id } as const) : {}),
    ...(stepId === undefined ? {} : { stepId }),
  });
  if (memory.kind === 'flow') return frames;
  return [...frames, { type: 'turn_start', id, role: 'assistant', iteration: turn, turnIndex: turn - 1 }];
}

export function wordsGrew({ channel, part, text }: EventData<'message.delta'>, memory: Memory): FrameDraft[] {
  return channel === 'tool_input' ? [] : memory.blocks.delta(channel, part, text);
}

export function wordsCompleted(data: EventData<'message.completed'>, memory: Memory): FrameDraft[] {
  const { usage } = data;
  const total = memory.usage;
  memory.usage = {
    turns: total.turns + 1,
    input: total.input + usage.inputTokens,
    output: total.output + usage.outputTokens,
    costUsd: total.costUsd === null || usage.costUsd === null ? null : total.costUsd + usage.costUsd,
  };
  for (const { callId, tool, args } of data.toolCalls) {
    memory.calls.set(callId, { tool, args, turn: data.turn, startedAt: null });
  }
  if (memory.turn !== null) memory.turn.completed = data;
  return [
    ...memory.blocks.complete(data.parts.flatMap(wordsOf)),
    ...data.parts.flatMap(mediaOf(memory)),
    ...fallbackCompleted(memory),
  ];
}

function wordsOf(part: Part): { kind: BlockKind; text: string }[] {
  return part.type === 'text' || part.type === 'reasoning' ? [{ kind: part.type, text: part.text }] : [];
}

/** What the model made besides text. Source: wire section 4.3. */
function mediaOf(memory: Memory): (part: Part, index: number) => FrameDraft[] {
  return (part, index) => {
    if (part.type !== 'image' && part.type !== 'file') return [];
    const id = `media_${memory.idBase}_${memory.turn?.number ?? 0}_${index}`;
    const mediaType = part.mediaType ?? 'application/octet-stream';
    return [
      { type: 'media_start', id, mediaType, role: 'assistant', ...stepOf(memory) },
      { type: 'media_complete', id, mediaType, url: part.url },
    ];
  };
}

/** A turn of which somebody outside was asked something has no end: what follows is the next one. */
export function turnCompleted(at: string, memory: Memory): FrameDraft[] {
  const { turn, kind } = memory;
  memory.turn = null;
  if (turn === null || turn.completed === null || turn.isPaused || kind === 'flow') return [];
  const { parts, usage, finishReason } = turn.completed;
  return [
    {
      type: 'turn_complete',
      id: turn.id,
      role: 'assistant',
      ...iterationOf(memory, turn.number),
      content: textOf(parts),
      tokens: { input: usage.inputTokens, output: usage.outputTokens },
      ...(usage.costUsd === null ? {} : { cost: usage.costUsd }),
      stopReason: stopReasonOf(finishReason),
      ...fallbackSummary(turn.fallbacks),
      completedAt: at,
    },
  ];
}

/**
 * Why a model call has ended. Providers spell it with `-` or `_`, and the log has what they said. Source: wire
 * section 4.2, `turn_complete`.
 */
export function stopReasonOf(finishReason: string): string {
  switch (finishReason) {
    case 'stop':
    case 'tool-calls':
    case 'tool_calls':
      return 'end_turn';
    case 'content-filter':
    case 'content_filter':
      return 'content_filter';
    case 'length':
    case 'error':
      return finishReason;
    default:
      return 'unknown';
  }
}

/** An attempt that is made again is no end; the end of a run tells itself. */
export function turnFailed(data: EventData<'turn.failed'>, memory: Memory): FrameDraft[] {
  const { error, retryAfterMs } = data;
  fallbackFailed(memory, error.message);
  if (retryAfterMs === null) return [];
  const told: JsonObject = { code: error.code, message: error.message };
  return [{ type: 'error', error: told, recoverable: true }];
}
