import { Agent, fetch as undiciFetch } from 'undici';

export type Fetch = typeof globalThis.fetch;

/**
 * A fetch for endpoints that the operator configured (model providers): no address check, and no time-outs of
 * its own but for connecting, because a reasoning model may be silent for minutes. Callers bring a signal.
 */
export function createTrustedFetch(): Fetch {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connectTimeout: 10_000 });
  // The package's fetch and Node's own have the same shape, but are declared in two places.
  const anyFetch = undiciFetch as unknown as (input: unknown, init?: unknown) => Promise<Response>;
  return (input, init) => anyFetch(input, { ...init, dispatcher });
}
