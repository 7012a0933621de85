import type { Caller } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import type { RateLimit, RateLimiter } from '../engine/ports.ts';

/** Largest request body unless a route says otherwise, bytes. */
export const DEFAULT_BODY_LIMIT_BYTES = 4 * 1024 * 1024;
/** Most values in one JSON body; more would hold up every other request while they are read. */
export const MAX_JSON_VALUES = 250_000;
/** Longest path parameter that can name anything, characters. */
export const MAX_PATH_PARAMETER_LENGTH = 1024;
/** A command that has not begun by then is never begun, ms. */
export const COMMAND_DEADLINE_MS = 30_000;
/** How long a request may take to arrive, ms. */
export const REQUEST_TIMEOUT_MS = 300_000;
/** A comment is sent on every stream this often, ms. */
export const HEARTBEAT_MS = 10_000;
/** A stream's key is checked again this often, ms. */
export const REAUTHENTICATE_MS = 30_000;
/** A reader that takes nothing for this long, while bytes are waiting for it, is cut, ms. */
export const SLOW_READER_MS = 10_000;
/** A stream's one write, bytes: the most that waits in memory for one reader, besides the socket's own. */
export const STREAM_WRITE_BYTES = 256 * 1024;

/** Refuses nothing. */
export const UNLIMITED: RateLimiter = { take: () => Promise.resolve(null) };

/** Counts a request of the caller's key. Throws `rate_limited`, with the time until its window ends. */
export async function limitRate(
  limiter: RateLimiter,
  { keyId }: Caller,
  limit: RateLimit | undefined,
): Promise<void> {
  if (limit === undefined) return;
  const count = await limiter.take(keyId, limit);
  if (count === null || count.isAllowed) return;
  throw new EngineError(
    'rate_limited',
    `At most ${limit.requests} requests in ${limit.seconds} s are allowed here.`,
    { retryAfterMs: Math.max(1, count.endsInMs) },
  );
}
