import { Agent, fetch as undiciFetch } from 'undici';
import { createAddressGuard, type AddressGuard } from './address-guard.ts';
import {
  createGuardedConnector,
  errorCode,
  systemResolver,
  type GuardedConnector,
  type Resolver,
} from './guarded-connector.ts';
import { limitedResponse } from './limited-response.ts';
import { OutgoingError } from './outgoing-error.ts';
import { nextRequest, type HopRequest } from './redirect.ts';

const MAX_REDIRECTS = 5;
const CONNECT_TIMEOUT_MS = 10_000;

export interface OutgoingLimits {
  /** From the start of the request to the end of its body, milliseconds; null: only the caller's signal ends it. */
  timeoutMs?: number | null;
  /** Of the decoded body; null: no limit. */
  maxBytes?: number | null;
}

export interface GuardedRequestInit extends RequestInit {
  limits?: OutgoingLimits;
}

/** Like `fetch`; rejects, and errors its bodies, with `OutgoingError` alone. */
export type GuardedFetch = (url: string | URL, init?: GuardedRequestInit) => Promise<Response>;

export interface GuardedFetchOptions {
  /** Hosts, addresses and networks that may be reached although they are not public. */
  allow: readonly string[];
  maxBytes: number;
  timeoutMs: number;
  resolve?: Resolver;
}

/**
 * A fetch for URLs that users give: public addresses only, checked at the connection itself; http and https; no
 * user names in URLs; at most 5 redirects, each checked anew; limits on time and size. Every request has a
 * connection of its own, so that a stale one can never make it uncertain whether a request was received.
 */
export function createGuardedFetch(options: GuardedFetchOptions): GuardedFetch {
  const guard = createAddressGuard(options.allow);
  const resolve = options.resolve ?? systemResolver;
  return async (url, init = {}) => {
    const { limits = {}, ...request } = init;
    const timeoutMs = limits.timeoutMs === undefined ? options.timeoutMs : limits.timeoutMs;
    const maxBytes = limits.maxBytes === undefined ? options.maxBytes : limits.maxBytes;
    const deadline = startDeadline(timeoutMs, request.signal ?? null);
    try {
      const response = await follow(guard, resolve, url, request, deadline, timeoutMs);
      return limitedResponse(response.response, {
        url: response.url,
        maxBytes,
        onEnd: () => {
          deadline.stop();
          response.release();
        },
        describeError: (error) => bodyError(error, response.url, deadline),
      });
    } catch (error) {
      deadline.stop();
      throw error;
    }
  };
}

interface Deadline {
  signal: AbortSignal;
  timedOut(): boolean;
  stop(): void;
}

function startDeadline(timeoutMs: number | null, caller: AbortSignal | null): Deadline {
  const controller = new AbortController();
  let timedOut = false;
  const timer =
    timeoutMs === null
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          controller.abort();
        }, timeoutMs);
  const onAbort = (): void => controller.abort();
  if (caller?.aborted === true) controller.abort();
  caller?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    timedOut: () => timedOut,
    stop(): void {
      clearTimeout(timer);
      caller?.removeEventListener('abort', onAbort);
    },
  };
}

interface Followed {
  response: Response;
  url: URL;
  release(): void;
}

async function follow(
  guard: AddressGuard,
  resolve: Resolver,
  url: string | URL,
  init: RequestInit,
  deadline: Deadline,
  timeoutMs: number | null,
): Promise<Followed> {
  let request: HopRequest = firstRequest(url, init);
  for (let hop = 0; ; hop += 1) {
    const connector = createGuardedConnector(
      guard,
      resolve,
      Math.min(CONNECT_TIMEOUT_MS, timeoutMs ?? Infinity),
    );
    // No keep-alive: one connection per request.
    const agent = new Agent({ connect: connector.connect, pipelining: 0, headersTimeout: 0, bodyTimeout: 0 });
    const release = (): void => void agent.destroy().catch(() => undefined);
    let response: Response;
    try {
      response = await send(request, agent, deadline.signal);
    } catch (error) {
      release();
      throw requestError(error, request.url, connector, deadline, hop);
    }
    const next = nextRequest(request, response, init.redirect ?? 'follow');
    if (next === null) return { response, url: request.url, release };
    release();
    if (hop === MAX_REDIRECTS) {
      throw new OutgoingError('redirects', `more than ${MAX_REDIRECTS} redirects`, { sent: true });
    }
    checkUrl(next.url, true);
    request = next;
  }
}

function firstRequest(url: string | URL, init: RequestInit): HopRequest {
  let target: URL;
  try {
    target = new URL(url);
  } catch {
    throw new OutgoingError('invalid', 'not a valid URL', { sent: false });
  }
  checkUrl(target, false);
  let headers: Headers;
  try {
    headers = new Headers(init.headers);
  } catch {
    throw new OutgoingError('invalid', 'a header is not valid', { sent: false });
  }
  if (!headers.has('user-agent')) headers.set('user-agent', 'Fermata');
  return { url: target, method: (init.method ?? 'GET').toUpperCase(), headers, body: init.body ?? null };
}

function checkUrl(url: URL, sent: boolean): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new OutgoingError('invalid', `only http and https URLs are allowed, not ${url.protocol}`, { sent });
  }
  if (url.username !== '' || url.password !== '') {
    throw new OutgoingError('invalid', 'a URL with a user name or password is not allowed', { sent });
  }
}

async function send(request: HopRequest, agent: Agent, signal: AbortSignal): Promise<Response> {
  // The package's fetch and Node's own have the same shape, but are declared in two places.
  const anyFetch = undiciFetch as unknown as (input: string, init: unknown) => Promise<Response>;
  return await anyFetch(request.url.href, {
    method: request.method,
    headers: Object.fromEntries(request.headers),
    body: request.body,
    redirect: 'manual',
    signal,
    dispatcher: agent,
    ...(request.body instanceof ReadableStream ? { duplex: 'half' } : {}),
  });
}

function requestError(
  error: unknown,
  url: URL,
  connector: GuardedConnector,
  deadline: Deadline,
  hop: number,
): OutgoingError {
  const sent = hop > 0 || connector.hasConnected();
  const failure = connector.failure();
  if (failure !== null && !connector.hasConnected()) {
    return new OutgoingError(failure.code, failure.message, { sent, cause: failure.cause });
  }
  return transferError(error, url, deadline, sent);
}

function bodyError(error: unknown, url: URL, deadline: Deadline): OutgoingError {
  return error instanceof OutgoingError ? error : transferError(error, url, deadline, true);
}

function transferError(error: unknown, url: URL, deadline: Deadline, sent: boolean): OutgoingError {
  if (deadline.timedOut())
    return new OutgoingError('timeout', `${url.host} did not answer in time`, { sent });
  if (deadline.signal.aborted) return new OutgoingError('aborted', 'the request was aborted', { sent });
  const code = errorCode(error);
  if (code === null && !sent)
    return new OutgoingError('invalid', 'the request is not valid', { sent, cause: error });
  return new OutgoingError('reset', `the connection to ${url.host} broke: ${code ?? 'cut off'}`, {
    sent,
    cause: error,
  });
}
