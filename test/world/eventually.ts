import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** 60 s unless given: long, since a busy machine is no failure. */
  timeoutMs?: number;
  everyMs?: number;
  /** What is told of when it does not come. */
  what: string;
}

/** Asks until the answer is neither null, undefined nor false; an error counts as no answer. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  { timeoutMs = 60_000, everyMs = 25, what }: EventuallyOptions,
): Promise<Exclude<T, null | undefined | false>> {
  const until = performance.now() + timeoutMs;
  let last: unknown = null;
  for (;;) {
    try {
      const answer = await ask();
      // Just checked.
      if (answer !== null && answer !== undefined && answer !== false)
        return answer as Exclude<T, null | undefined | false>;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until) {
      throw new Error(`${what}: not within ${timeoutMs} ms; last: ${String(last)}`, { cause: last });
    }
    await delay(everyMs);
  }
}
