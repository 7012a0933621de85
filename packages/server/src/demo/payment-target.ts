import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** What the payment service has seen. */
export interface PaymentCounts {
  requests: number;
  /** Payments made: one for each `Idempotency-Key`, however often it was sent. */
  effects: number;
  keys: string[];
}

/** A payment service on this machine that makes one payment for each `Idempotency-Key`. */
export class PaymentTarget implements AsyncDisposable {
  readonly #receipts = new Map<string, string>();
  #requests = 0;
  readonly #server = createServer((request, response) => {
    this.#pay(request, response).catch(() => response.destroy());
  });

  private constructor() {}

  static async start(): Promise<PaymentTarget> {
    const target = new PaymentTarget();
    target.#server.listen(0, '127.0.0.1');
    await once(target.#server, 'listening');
    return target;
  }

  /** `127.0.0.1:<port>`. */
  get host(): string {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';
  }

  get counts(): PaymentCounts {
    return { requests: this.#requests, effects: this.#receipts.size, keys: [...this.#receipts.keys()] };
  }

  async #pay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests += 1;
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || body === '') {
      response.writeHead(400).end('a payment needs an Idempotency-Key and a body');
      return;
    }
    const receipt = this.#receipts.get(key) ?? `receipt-${this.#receipts.size + 1}`;
    this.#receipts.set(key, receipt);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ paid: true, receipt }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
