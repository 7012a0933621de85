import { FermataError } from './errors.ts';

export interface RetryTimes {
  /** First pause, ms; each further one is twice as long. */
  firstMs: number;
  /** Longest pause, ms. A server that asks for a longer one is not asked again. */
  longestMs: number;
}

/** How long to wait before attempt `attempt + 1` (from 1), ms: exponential, half of it at random. */
export function backoffMs(attempt: number, times: RetryTimes, random: () => number = Math.random): number {
  const full = Math.min(times.longestMs, times.firstMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (full / 2) * random();
}

/**
 * Whether the same request may be sent again at once: no answer came, or one that says so. A mutation is safe,
 * since each carries an `Idempotency-Key`. `internal` is not: what broke once in the server breaks again.
 */
export function isWorthRetrying(error: FermataError): boolean {
  switch (error.code) {
    case 'network_error':
    case 'timed_out':
    case 'unavailable':
    case 'rate_limited':
    case 'quota_exceeded':
    case 'idempotency_in_flight':
      return true;
    default:
      return false;
  }
}

/** The pause before the next attempt, ms; null when there should be none. */
export function pauseBeforeRetry(error: FermataError, attempt: number, times: RetryTimes): number | null {
  const own = backoffMs(attempt, times);
  if (error.retryAfterMs === null) return own;
  return error.retryAfterMs > times.longestMs ? null : Math.max(own, error.retryAfterMs);
}

/**
 * Waits before the next attempt; throws `error` again when there should be none: it is none that another attempt
 * mends, `tries` have been made, or the server asks for too long a pause.
 */
export async function pauseOrThrow(
  error: unknown,
  tries: number,
  limits: { maxRetries: number; retryTimes: RetryTimes; signal?: AbortSignal | undefined },
): Promise<void> {
  if (!(error instanceof FermataError) || tries > limits.maxRetries || !isWorthRetrying(error)) throw error;
  const waitMs = pauseBeforeRetry(error, tries, limits.retryTimes);
  if (waitMs === null) throw error;
  await pause(waitMs, limits.signal);
}

/** Resolves after `ms`; rejects with the signal's reason when that aborts first. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(reasonOf(signal));
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      if (signal !== undefined) reject(reasonOf(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A signal's reason as something that can be thrown. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new DOMException('The operation was aborted.', 'AbortError');
}
