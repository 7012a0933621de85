import type { Json, Part, TranscriptCall, TranscriptMessage } from '@fermata/protocol';
import type { ModelDelta, ModelRequest, ModelTool } from './model-request.ts';

let seq = 0;

export function userMessage(content: string | Part[]): TranscriptMessage {
  seq += 1;
  const parts: Part[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return {
    id: null,
    seq,
    at: '2026-01-01T00:00:00.000Z',
    role: 'user',
    by: null,
    turn: null,
    parts,
    calls: [],
  };
}

export function systemMessage(text: string): TranscriptMessage {
  return { ...userMessage(text), role: 'system' };
}

export function assistantMessage(content: string | Part[], calls: TranscriptCall[] = []): TranscriptMessage {
  return { ...userMessage(content), role: 'assistant', turn: 1, calls };
}

export function call(
  id: string,
  tool: string,
  args: Json,
  more: Partial<TranscriptCall> = {},
): TranscriptCall {
  return {
    callId: `call_1_1_${id}`,
    providerCallId: id,
    tool,
    args,
    editedArgs: null,
    approved: false,
    attempt: 1,
    state: 'completed',
    output: `result of ${id}`,
    error: null,
    ...more,
  };
}

export const WEATHER: ModelTool = {
  name: 'get_weather',
  description: 'The weather of a city',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

/** A request with an empty transcript but one user message; `deltas` collects what is streamed. */
export function modelRequest(
  model: string,
  more: Partial<ModelRequest> = {},
): { request: ModelRequest; deltas: ModelDelta[] } {
  const deltas: ModelDelta[] = [];
  return {
    deltas,
    request: {
      model,
      turn: 1,
      attempt: 1,
      messages: [userMessage('hello there')],
      tools: [],
      signal: new AbortController().signal,
      onDelta: (delta) => void deltas.push(delta),
      loadBlob: () => Promise.reject(new Error('no blobs here')),
      ...more,
    },
  };
}
