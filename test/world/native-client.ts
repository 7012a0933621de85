import type { ChangedReply, ListReply, Problem, Run, RunEvent, StartRunBody, Wait } from '@fermata/protocol';
import { EventReader } from './event-reader.ts';

/** An answer of the server, whatever it says. */
export interface Reply<T> {
  status: number;
  headers: Headers;
  body: T;
}

export interface RequestOptions {
  body?: unknown;
  idempotencyKey?: string;
  timeoutMs?: number;
}

/** The native API over plain fetch: nothing is tried again, so that a test sees each answer as it is. */
export interface NativeClient {
  /** Rejects when no answer comes. */
  request<T = unknown>(method: string, path: string, options?: RequestOptions): Promise<Reply<T | Problem>>;
  /** The body of a 2xx; anything else is an error that names it. */
  ok<T>(method: string, path: string, options?: RequestOptions): Promise<T>;
  start(body: Partial<StartRunBody>, options?: RequestOptions): Promise<Run>;
  run(runId: string): Promise<Run>;
  openWaits(runId: string): Promise<Wait[]>;
  answer(waitId: string, body: unknown, options?: RequestOptions): Promise<ChangedReply & { wait: Wait }>;
  events(runId: string): Promise<RunEvent[]>;
  watch(runId: string, options?: { after?: number; until?: 'parked' | 'finished' }): Promise<EventReader>;
}

export function createNativeClient(url: string, apiKey: string): NativeClient {
  const authorization = { authorization: `Bearer ${apiKey}` };

  async function request<T>(
    method: string,
    path: string,
    { body, idempotencyKey, timeoutMs = 30_000 }: RequestOptions = {},
  ): Promise<Reply<T | Problem>> {
    const response = await fetch(`${url}/v1${path}`, {
      method,
      headers: {
        ...authorization,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? null : JSON.parse(text)) as T | Problem,
    };
  }

  async function ok<T>(method: string, path: string, options?: RequestOptions): Promise<T> {
    const reply = await request<T>(method, path, options);
    if (reply.status >= 200 && reply.status < 300) return reply.body as T;
    throw new Error(`${method} ${path} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  }

  return {
    request,
    ok,
    start: (body, options) => ok('POST', '/runs', { ...options, body }),
    run: (runId) => ok('GET', `/runs/${runId}`),
    openWaits: async (runId) => (await ok<ListReply<Wait>>('GET', `/waits?run=${runId}`)).data,
    answer: (waitId, body, options) => ok('POST', `/waits/${waitId}/answer`, { ...options, body }),
    async events(runId) {
      const events: RunEvent[] = [];
      for (;;) {
        const after = events.at(-1)?.seq ?? 0;
        const page = await ok<ListReply<RunEvent>>('GET', `/runs/${runId}/events?after=${after}&limit=1000`);
        events.push(...page.data);
        if (page.nextCursor === null) return events;
      }
    },
    watch(runId, { after = 0, until } = {}) {
      const query = until === undefined ? '' : `?until=${until}`;
      const headers = { ...authorization, ...(after > 0 ? { 'last-event-id': String(after) } : {}) };
      return EventReader.open(`${url}/v1/runs/${runId}/events${query}`, headers);
    },
  };
}
