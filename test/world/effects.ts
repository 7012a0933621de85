import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';

/** One request as the target has seen it. */
export interface EffectRequest {
  /** Its `Idempotency-Key`. */
  key: string;
  path: string;
  body: unknown;
}

/** How the target answers: as it should, after the effect with a cut connection, or as a gateway does. */
export type Manner = 'ok' | 'reset' | 'bad_gateway' | 'gateway_timeout';

/**
 * A service whose requests have an effect each, for http tools to call. It counts what it was asked, and does not
 * forgive: a request that comes twice is counted twice.
 */
export class EffectTarget implements AsyncDisposable {
  readonly requests: EffectRequest[] = [];
  /** Before the answer, after the effect, ms. */
  answerAfterMs = 0;
  manner: Manner = 'ok';
  /** How the next requests are answered, one after another, before `manner` counts again. */
  readonly mannersOfNext: Manner[] = [];
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });
  readonly #waiters = new Set<() => void>();

  private constructor() {}

  static async start(): Promise<EffectTarget> {
    const target = new EffectTarget();
    target.#server.listen(0, '127.0.0.1');
    await once(target.#server, 'listening');
    return target;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often each key was requested. */
  get byKey(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { key } of this.requests) counts.set(key, (counts.get(key) ?? 0) + 1);
    return counts;
  }

  /** Requests of one run: its keys begin with its id. */
  of(runId: string): EffectRequest[] {
    return this.requests.filter(({ key }) => key.startsWith(`${runId}:`));
  }

  /** Resolves when so many requests have come, of one run or of all. */
  async requested(count: number, runId?: string): Promise<void> {
    const seen = (): number => (runId === undefined ? this.requests : this.of(runId)).length;
    while (seen() < count) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const key = request.headers['idempotency-key'];
    this.requests.push({
      key: typeof key === 'string' ? key : '',
      path: request.url ?? '',
      body: text === '' ? null : (JSON.parse(text) as unknown),
    });
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
    if (this.answerAfterMs > 0) await delay(this.answerAfterMs, undefined, { ref: false });
    switch (this.mannersOfNext.shift() ?? this.manner) {
      case 'ok':
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ done: true, path: request.url }));
        return;
      case 'reset':
        request.socket.destroy();
        return;
      case 'bad_gateway':
        response.writeHead(502).end('bad gateway');
        return;
      case 'gateway_timeout':
        response.writeHead(504).end('gateway timeout');
    }
  }
}
