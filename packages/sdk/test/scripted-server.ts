import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface RecordedRequest {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Answer = (response: ServerResponse, request: RecordedRequest) => void | Promise<void>;

/** A server on a free port that answers the nth request with the nth answer, and every later one with the last. */
export class ScriptedServer implements AsyncDisposable {
  readonly requests: RecordedRequest[] = [];
  readonly #answers: Answer[];
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  private constructor(answers: Answer[]) {
    this.#answers = answers;
  }

  static async start(...answers: Answer[]): Promise<ScriptedServer> {
    const scripted = new ScriptedServer(answers);
    scripted.#server.listen(0, '127.0.0.1');
    await once(scripted.#server, 'listening');
    return scripted;
  }

  get url(): string {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const recorded = { method, url, headers, body };
    const answer = this.#answers[this.requests.length] ?? this.#answers.at(-1);
    this.requests.push(recorded);
    await answer?.(response, recorded);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) {
      this.#server.close();
      await once(this.#server, 'close');
    }
  }
}

/** Answers with JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** Answers with problem+json. */
export function problem(
  status: number,
  code: string,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Answer {
  const body = { type: `/docs/errors#${code}`, title: code, status, detail: `It is ${code}.`, ...more };
  return json(
    status,
    { instance: 'req-1', code, retryable: false, ...body },
    { 'content-type': 'application/problem+json', ...headers },
  );
}

/** Answers with the text as an event stream; `then` says what becomes of the connection. */
export function stream(
  text: string | Buffer,
  then: 'end' | 'cut' | 'stay' = 'end',
  headers: Record<string, string> = {},
): Answer {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...headers });
    response.flushHeaders();
    await new Promise<void>((resolve) => response.write(text === '' ? ': hb\n\n' : text, () => resolve()));
    if (then === 'end') response.end();
    if (then === 'cut') response.destroy();
  };
}
