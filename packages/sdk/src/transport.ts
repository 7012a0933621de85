import { errorOfReply, FermataError } from './errors.ts';
import { queryString, type Query } from './query.ts';
import { pauseOrThrow, reasonOf, type RetryTimes } from './retry.ts';

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;
type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** What every call takes besides its own arguments. */
export interface CallOptions {
  /** Aborting it makes the call throw the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Mutations only: your own `Idempotency-Key`, in place of one made for this call. */
  idempotencyKey?: string | undefined;
}

export interface TransportOptions {
  /** `http://host:port`; `/native/v1` is added unless it ends in `/v1` already. */
  baseUrl: string;
  /** The key, or where to get it: it is asked for before each request. */
  apiKey: string | (() => string | Promise<string>);
  fetch?: Fetch | undefined;
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** How long one attempt may take, streams aside, ms. Default 60,000. */
  timeoutMs?: number | undefined;
  /** How often a request is sent again after the first time. Default 4. */
  maxRetries?: number | undefined;
  /** Pauses between attempts, ms. Default from 250 up to 15,000. */
  retry?: Partial<RetryTimes> | undefined;
}

export interface ApiRequest extends CallOptions {
  method: Method;
  /** Below the base, encoded, such as `/runs/abc`. */
  path: string;
  query?: Query | undefined;
  body?: unknown;
}

export interface StreamRequest extends ApiRequest {
  lastEventId?: number | undefined;
}

/** Sends requests: credentials, time-outs, retries and errors, for every operation alike. */
export interface Transport {
  readonly retryTimes: RetryTimes;
  readonly maxRetries: number;
  /** The reply's JSON, or undefined for one without a body. Throws `FermataError`. */
  json<T>(request: ApiRequest): Promise<T>;
  bytes(request: ApiRequest): Promise<{ bytes: Uint8Array; mediaType: string }>;
  /**
   * A reply with `text/event-stream`, its body unread: one attempt, without a time limit. Aborting the signal
   * also ends the reading of the body. Throws `FermataError`.
   */
  stream(request: StreamRequest): Promise<Response>;
}

export function createTransport(options: TransportOptions): Transport {
  const base = baseOf(options.baseUrl);
  const timeoutMs = options.timeoutMs ?? 60_000;
  const maxRetries = options.maxRetries ?? 4;
  const retryTimes: RetryTimes = {
    firstMs: options.retry?.firstMs ?? 250,
    longestMs: options.retry?.longestMs ?? 15_000,
  };
  // Called as a plain function: a browser's fetch refuses any other `this`.
  const given = options.fetch;
  const send: Fetch = given === undefined ? (url, init) => fetch(url, init) : (url, init) => given(url, init);

  async function attempt<T>(
    request: ApiRequest,
    headers: Readonly<Record<string, string>>,
    limitMs: number | null,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const apiKey = typeof options.apiKey === 'function' ? await options.apiKey() : options.apiKey;
    const url = `${base}${request.path}${queryString(request.query ?? {})}`;
    const limit = linkedAbort(request.signal, limitMs);
    try {
      const response = await send(url, {
        method: request.method,
        headers: {
          accept: 'application/json',
          ...options.headers,
          ...headers,
          ...(request.body !== undefined && { 'content-type': 'application/json' }),
          authorization: `Bearer ${apiKey}`,
        },
        signal: limit.signal,
        redirect: 'error',
        ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
      });
      if (!response.ok) throw errorOfReply(response.status, response.headers, await response.text());
      return await read(response);
    } catch (error) {
      if (request.signal?.aborted === true) throw reasonOf(request.signal);
      if (error instanceof FermataError) throw error;
      if (limit.timedOut()) throw timedOut(base, timeoutMs);
      throw unreachable(base, error);
    } finally {
      limit.release();
    }
  }

  async function withRetries<T>(
    request: ApiRequest,
    perform: (headers: Record<string, string>) => Promise<T>,
  ): Promise<T> {
    const headers = isMutation(request)
      ? { 'idempotency-key': request.idempotencyKey ?? newIdempotencyKey() }
      : {};
    for (let tries = 1; ; tries += 1) {
      try {
        return await perform(headers);
      } catch (error) {
        await pauseOrThrow(error, tries, { maxRetries, retryTimes, signal: request.signal });
      }
    }
  }

  return {
    retryTimes,
    maxRetries,
    json: <T>(request: ApiRequest) =>
      withRetries(request, (headers) => attempt(request, headers, timeoutMs, readJson<T>)),
    bytes: (request) =>
      withRetries(request, (headers) =>
        attempt(request, { ...headers, accept: '*/*' }, timeoutMs, readBytes),
      ),
    stream: (request) => {
      const { lastEventId, idempotencyKey } = request;
      const headers = {
        accept: 'text/event-stream',
        ...(lastEventId !== undefined && { 'last-event-id': String(lastEventId) }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      };
      return attempt(request, headers, null, assertStream);
    },
  };
}

function isMutation(request: ApiRequest): boolean {
  return request.method === 'POST' || request.method === 'PATCH';
}

function baseOf(baseUrl: string): string {
  const trimmed = baseUrl.replace(/\/+$/, '');
  return trimmed.endsWith('/v1') ? trimmed : `${trimmed}/native/v1`;
}

async function readJson<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (text === '') return undefined as T;
  try {
    // The server checks its replies against the schemas of the protocol package; they are not walked again.
    return JSON.parse(text) as T;
  } catch (error) {
    throw new FermataError({
      code: 'invalid_reply',
      message: `The reply is not JSON: ${text.slice(0, 200)}`,
      status: response.status,
      cause: error,
    });
  }
}

async function readBytes(response: Response): Promise<{ bytes: Uint8Array; mediaType: string }> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { bytes, mediaType: response.headers.get('content-type') ?? 'application/octet-stream' };
}

function assertStream(response: Response): Promise<Response> {
  const mediaType = response.headers.get('content-type') ?? '';
  if (mediaType.startsWith('text/event-stream') && response.body !== null) return Promise.resolve(response);
  return Promise.reject(
    new FermataError({
      code: 'invalid_reply',
      message: `Expected an event stream, got ${mediaType === '' ? 'nothing' : mediaType}.`,
      status: response.status,
    }),
  );
}

function unreachable(base: string, cause: unknown): FermataError {
  return new FermataError({
    code: 'network_error',
    message: `No answer from ${base}: ${deepestMessage(cause)}`,
    retryable: true,
    cause,
  });
}

function timedOut(base: string, timeoutMs: number): FermataError {
  return new FermataError({
    code: 'timed_out',
    message: `No answer from ${base} within ${timeoutMs} ms.`,
    retryable: true,
  });
}

/** Node says "fetch failed" and hides why in the cause. */
function deepestMessage(error: unknown): string {
  let found = error;
  for (let depth = 0; depth < 5; depth += 1) {
    if (found instanceof AggregateError && found.errors[0] instanceof Error) found = found.errors[0];
    else if (found instanceof Error && found.cause instanceof Error) found = found.cause;
  }
  return found instanceof Error && found.message !== '' ? found.message : String(found);
}

/** A v4 UUID. `randomUUID` exists in secure contexts only, and a page on a plain-http host is none. */
export function newIdempotencyKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

interface LinkedAbort {
  signal: AbortSignal;
  timedOut(): boolean;
  release(): void;
}

/** A signal that follows `outer` and a time limit. `release` must be called, or `outer` keeps it alive. */
function linkedAbort(outer: AbortSignal | undefined, limitMs: number | null): LinkedAbort {
  const controller = new AbortController();
  let isTimedOut = false;
  const follow = (): void => controller.abort(outer?.reason);
  if (outer?.aborted === true) follow();
  outer?.addEventListener('abort', follow, { once: true });
  const timer =
    limitMs === null
      ? undefined
      : setTimeout(() => {
          isTimedOut = true;
          controller.abort();
        }, limitMs);
  return {
    signal: controller.signal,
    timedOut: () => isTimedOut,
    release: () => {
      clearTimeout(timer);
      // A stream has no limit of its own: its body is still being read, and `outer` must reach it.
      if (limitMs !== null) outer?.removeEventListener('abort', follow);
    },
  };
}
