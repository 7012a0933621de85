import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';

/** A model call that stands open: what the model says, and when, is the test's to decide. */
export interface ModelCall {
  /** What the model was sent. */
  messages: { role: string; content?: unknown }[];
  /** The whole of it. */
  body: object;
  say(text: string): void;
  /** Asks for these calls and ends the answer. */
  ask(...calls: { tool: string; args: unknown }[]): void;
  end(): void;
  /** Answers with an error instead. */
  fail(status: number, headers?: Record<string, string>): void;
  /** Cuts the connection in the middle. */
  cut(): void;
  /** Settles when the server has given the call up. */
  closed: Promise<void>;
}

/** A provider that speaks OpenAI chat completions and answers when the test says so. */
export interface GatedModel extends AsyncDisposable {
  url: string;
  /** How many calls have come. */
  count: number;
  /** The next call, in the order in which they come. */
  next(): Promise<ModelCall>;
}

const WAIT_MS = 20_000;

export async function startGatedModel(): Promise<GatedModel> {
  const arrived: ModelCall[] = [];
  const asking: ((call: ModelCall) => void)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { messages: ModelCall['messages'] };
      const call = openCall(body, response);
      model.count += 1;
      const ask = asking.shift();
      if (ask === undefined) arrived.push(call);
      else ask(call);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const model: GatedModel = {
    url: `http://127.0.0.1:${address.port}/v1`,
    count: 0,
    next() {
      const call = arrived.shift();
      if (call !== undefined) return Promise.resolve(call);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('the model was not called')), WAIT_MS);
        asking.push((arriving) => {
          clearTimeout(timer);
          resolve(arriving);
        });
      });
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return model;
}

function openCall(body: Pick<ModelCall, 'messages'>, response: ServerResponse): ModelCall {
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gated' };
  const write = (data: unknown): void => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
  };
  const delta = (content: object): void =>
    write({ ...head, choices: [{ index: 0, delta: content, finish_reason: null }] });
  const finish = (reason: string): void => {
    write({ ...head, choices: [{ index: 0, delta: {}, finish_reason: reason }] });
    const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
    write({ ...head, choices: [], usage });
    write('[DONE]');
    response.end();
  };
  return {
    messages: body.messages,
    body,
    say: (content) => delta({ role: 'assistant', content }),
    ask(...calls) {
      calls.forEach(({ tool, args }, index) => {
        const call = { name: tool, arguments: JSON.stringify(args) };
        delta({ tool_calls: [{ index, id: `gated_${index}`, type: 'function', function: call }] });
      });
      finish('tool_calls');
    },
    end: () => finish('stop'),
    fail(status, headers = {}) {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify({ error: { message: `gated ${status}`, type: 'gated' } }));
    },
    // After what was said before has been handed over.
    cut: () => void response.write('', () => setImmediate(() => response.destroy())),
    closed: once(response, 'close').then(() => undefined),
  };
}
