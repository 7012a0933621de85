import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';

export interface SeenRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

export type Reply = (response: ServerResponse, request: SeenRequest) => void | Promise<void>;

export interface ProviderServer extends AsyncDisposable {
  url: string;
  seen: SeenRequest[];
  /** Replies in order; the last one repeats. */
  replies: Reply[];
}

/** A local server in a model provider's place: it keeps what it is sent and plays back the replies that it is given. */
export async function startProviderServer(...replies: Reply[]): Promise<ProviderServer> {
  const seen: SeenRequest[] = [];
  const queue = [...replies];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
      const entry = { path: request.url ?? '', headers: request.headers, body };
      seen.push(entry);
      const reply = queue.length > 1 ? queue.shift() : queue[0];
      void reply?.(response, entry);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    seen,
    replies: queue,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Server-sent events: `data` frames, or `[event, data]`. */
export function sse(
  frames: readonly (unknown | [string, unknown])[],
  end: 'end' | 'cut' | 'hang' = 'end',
): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const frame of frames) {
      const [event, data]: [string | null, unknown] =
        Array.isArray(frame) && typeof frame[0] === 'string' ? [frame[0], frame[1]] : [null, frame];
      const text = typeof data === 'string' ? data : JSON.stringify(data);
      response.write(`${event === null ? '' : `event: ${event}\n`}data: ${text}\n\n`);
    }
    if (end === 'end') response.end();
    // After the frames were handed over, so that they arrive before the reset.
    if (end === 'cut') response.write('', () => setImmediate(() => response.destroy()));
  };
}

export function status(code: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** OpenAI chat completions: chunks with these deltas, then a finish reason and the usage. */
export function chatFrames(deltas: readonly object[], finishReason: string | null = 'stop'): unknown[] {
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };
  const chunks = deltas.map((delta) => ({ ...head, choices: [{ index: 0, delta, finish_reason: null }] }));
  if (finishReason === null) return chunks;
  return [
    ...chunks,
    { ...head, choices: [{ index: 0, delta: {}, finish_reason: finishReason }] },
    { ...head, choices: [], usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } },
    '[DONE]',
  ];
}

export function chatCall(index: number, id: string, name: string, args: string): object {
  return { tool_calls: [{ index, id, type: 'function', function: { name, arguments: args } }] };
}

export type AnthropicBlock =
  | { type: 'text'; deltas: string[] }
  | { type: 'thinking'; deltas: string[]; signature: string }
  | { type: 'tool_use'; id: string; name: string; deltas: string[] };

/** Anthropic messages: these blocks one after the other, then the stop reason and the usage. */
export function anthropicFrames(
  blocks: readonly AnthropicBlock[],
  stopReason: string | null = 'end_turn',
): [string, unknown][] {
  const frames: [string, unknown][] = [
    [
      'message_start',
      {
        type: 'message_start',
        message: {
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model: 'claude',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 11, output_tokens: 1 },
        },
      },
    ],
    ['ping', { type: 'ping' }],
  ];
  blocks.forEach((block, index) => frames.push(...anthropicBlock(block, index)));
  if (stopReason === null) return frames;
  const delta = { stop_reason: stopReason, stop_sequence: null };
  frames.push(['message_delta', { type: 'message_delta', delta, usage: { output_tokens: 7 } }]);
  frames.push(['message_stop', { type: 'message_stop' }]);
  return frames;
}

function anthropicBlock(block: AnthropicBlock, index: number): [string, unknown][] {
  const start = (content: object): [string, unknown] => [
    'content_block_start',
    { type: 'content_block_start', index, content_block: content },
  ];
  const delta = (content: object): [string, unknown] => [
    'content_block_delta',
    { type: 'content_block_delta', index, delta: content },
  ];
  const stop: [string, unknown] = ['content_block_stop', { type: 'content_block_stop', index }];
  switch (block.type) {
    case 'text':
      return [
        start({ type: 'text', text: '' }),
        ...block.deltas.map((text) => delta({ type: 'text_delta', text })),
        stop,
      ];
    case 'thinking':
      return [
        start({ type: 'thinking', thinking: '', signature: '' }),
        ...block.deltas.map((thinking) => delta({ type: 'thinking_delta', thinking })),
        delta({ type: 'signature_delta', signature: block.signature }),
        stop,
      ];
    case 'tool_use':
      return [
        start({ type: 'tool_use', id: block.id, name: block.name, input: {} }),
        ...block.deltas.map((json) => delta({ type: 'input_json_delta', partial_json: json })),
        stop,
      ];
    default:
      return block satisfies never;
  }
}

/** OpenAI responses: one message of text deltas and function calls, then `response.completed`. */
export function responsesFrames(
  texts: readonly string[],
  calls: readonly { id: string; name: string; args: string }[],
  isComplete = true,
): [string, unknown][] {
  const frames: [string, unknown][] = [];
  const push = (type: string, data: object): void => void frames.push([type, { type, ...data }]);
  push('response.created', { response: { id: 'resp_1', created_at: 1, model: 'm' } });
  push('response.output_item.added', { output_index: 0, item: { type: 'message', id: 'msg_1' } });
  for (const delta of texts)
    push('response.output_text.delta', { item_id: 'msg_1', output_index: 0, content_index: 0, delta });
  push('response.output_item.done', { output_index: 0, item: { type: 'message', id: 'msg_1' } });
  calls.forEach((call, index) => {
    const item = { type: 'function_call', id: `fc_${index}`, call_id: call.id, name: call.name };
    push('response.output_item.added', { output_index: index + 1, item: { ...item, arguments: '' } });
    push('response.function_call_arguments.delta', {
      item_id: `fc_${index}`,
      output_index: index + 1,
      delta: call.args,
    });
    push('response.output_item.done', {
      output_index: index + 1,
      item: { ...item, arguments: call.args, status: 'completed' },
    });
  });
  if (isComplete) {
    push('response.completed', {
      response: { usage: { input_tokens: 11, output_tokens: 7 }, incomplete_details: null },
    });
  }
  return frames;
}
