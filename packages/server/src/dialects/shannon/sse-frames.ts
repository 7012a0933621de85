import type { JsonObject } from '@fermata/protocol';
import { sseFrame } from '../../http/sse.ts';
import type { ShannonEvent } from './events.ts';

export const PING_FRAME = ': ping\n\n';

/** Names that the stream gives to some raw types; all others keep theirs. */
const SSE_NAMES: Readonly<Record<string, string>> = {
  LLM_PARTIAL: 'thread.message.delta',
  LLM_OUTPUT: 'thread.message.completed',
  WORKFLOW_PAUSING: 'workflow.pausing',
  WORKFLOW_PAUSED: 'workflow.paused',
  WORKFLOW_RESUMED: 'workflow.resumed',
  WORKFLOW_CANCELLING: 'workflow.cancelling',
  WORKFLOW_CANCELLED: 'workflow.cancelled',
  ERROR_OCCURRED: 'error',
  STREAM_END: 'done',
};

/** Which types a reader wants, in either spelling; null: all. */
export function wantedTypes(types: string | null): ((type: string) => boolean) | null {
  const names = new Set(
    (types ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  );
  if (names.size === 0) return null;
  return (type) => names.has(type) || names.has(SSE_NAMES[type] ?? type);
}

/** One event as a frame, in the shape that its SSE name has. */
export function frameOf(event: ShannonEvent): string {
  const { workflow_id, agent_id = '', message = '', payload = {}, seq, stream_id } = event;
  const name = SSE_NAMES[event.type] ?? event.type;
  const control = { workflow_id, agent_id, message };
  switch (event.type) {
    case 'LLM_PARTIAL':
      // The SDK shows `message`; Shannon itself has the text in `delta` alone.
      return sseFrame(name, { delta: message, message, workflow_id, agent_id, seq, stream_id }, stream_id);
    case 'LLM_OUTPUT': {
      const metadata: { metadata?: JsonObject } =
        Object.keys(payload).length === 0 ? {} : { metadata: payload };
      const data = { response: message, message, workflow_id, agent_id, seq, stream_id, ...metadata };
      return sseFrame(name, data, stream_id);
    }
    case 'WORKFLOW_PAUSING':
    case 'WORKFLOW_RESUMED':
    case 'WORKFLOW_CANCELLING':
      return sseFrame(name, control, stream_id);
    case 'WORKFLOW_PAUSED':
    case 'WORKFLOW_CANCELLED':
      return sseFrame(name, { ...control, ...payload }, stream_id);
    case 'STREAM_END':
      return `id: ${stream_id}\nevent: done\ndata: [DONE]\n\n`;
    default:
      return sseFrame(name, event, stream_id);
  }
}
