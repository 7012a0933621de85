import type { TranscriptCall } from '@fermata/protocol';

/** Codes of calls that were never made, as `planCall` refuses them. */
const REFUSED: ReadonlySet<string> = new Set([
  'unknown_tool',
  'unreachable',
  'invalid_arguments',
  'max_calls',
]);

/**
 * How many calls of a tool stand before this one in the run’s log, and were made or are to be made: not those that
 * were refused before anything began, denied, or given up unanswered. It only ever falls, when one that was waiting
 * is denied, so a call that was let through stays so.
 */
export function earlierCalls(
  calls: ReadonlyMap<string, TranscriptCall>,
  { callId, tool }: Pick<TranscriptCall, 'callId' | 'tool'>,
): number {
  let count = 0;
  for (const call of calls.values()) {
    if (call.callId === callId) break;
    if (call.tool === tool && isMade(call)) count += 1;
  }
  return count;
}

function isMade({ attempt, state, error }: TranscriptCall): boolean {
  if (attempt > 0) return true;
  switch (state) {
    case 'failed':
      return error === null || !REFUSED.has(error.code);
    case 'denied':
      return error?.code === 'interrupted';
    case 'ready':
    case 'running':
    case 'waiting':
    case 'in_doubt':
    case 'completed':
      return true;
  }
}
