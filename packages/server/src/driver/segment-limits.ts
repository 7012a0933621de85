import { isActive } from '../engine/apply.ts';
import type { RunState } from '../engine/state.ts';
import { runFields, type Segment } from './segment-context.ts';

const LONGEST_SLEEP_MS = 60_000;
const AGAIN_MS = 250;

/**
 * Watches `maxActiveSeconds` while the segment runs: no step needs to end for it. Other limits are looked at when a
 * step begins. Returns the function that ends it.
 */
export function watchActiveTime(segment: Segment): () => void {
  const { deps, log, stop } = segment;
  const ended = new AbortController();
  let changed = new AbortController();
  let watched = concernOf(log.state);
  const stopListening = log.onChange(() => {
    const concern = concernOf(log.state);
    if (concern !== watched) changed.abort();
    watched = concern;
  });

  async function watch(): Promise<void> {
    while (!ended.signal.aborted && !stop.aborted) {
      changed = new AbortController();
      const leftMs = activeMsLeft(log.state, deps.clock.now());
      const isReached = leftMs !== null && leftMs <= 0;
      // By the database's clock, which decides, the limit may not be reached yet.
      const sleepMs = isReached ? AGAIN_MS : Math.min(LONGEST_SLEEP_MS, leftMs ?? LONGEST_SLEEP_MS);
      if (isReached) await exhaust().catch(warn);
      await deps.clock.sleep(sleepMs, AbortSignal.any([ended.signal, stop, changed.signal]));
    }
  }

  async function exhaust(): Promise<void> {
    // A resume in another process may just have raised the limit.
    await log.ingestForeign(null);
    const leftMs = activeMsLeft(log.state, deps.clock.now());
    if (leftMs === null || leftMs > 0 || ended.signal.aborted) return;
    const outcome = await segment.commit([{ type: 'exhaust', by: BY, limit: 'maxActiveSeconds' }]);
    if (outcome.kind === 'refused') throw outcome.error;
  }

  /** It is tried again, and whatever ails the log shows in the segment's own commits. */
  function warn(error: unknown): void {
    deps.log.warn({ ...runFields(segment.run), error }, 'a limit of active time could not be applied');
  }

  void watch();
  return () => {
    stopListening();
    ended.abort();
  };
}

/** What the time left depends on, besides the clock: a commit that leaves it as it was wakes nobody. */
function concernOf({ limits, status, statusSince, holds }: RunState): string {
  const isHeld = holds.some((hold) => hold.name === 'budget');
  return (limits.maxActiveSeconds ?? null) === null
    ? 'none'
    : `${String(limits.maxActiveSeconds)}/${status}/${statusSince}/${isHeld}`;
}

const BY = { type: 'system', id: 'driver', name: 'Fermata (driver)' } as const;

/** Milliseconds of `maxActiveSeconds` that are left; null without that limit, or when it has stopped the run already. */
function activeMsLeft(state: RunState, nowMs: number): number | null {
  const { limits, usage, base, status, statusSince, holds } = state;
  const limit = limits.maxActiveSeconds ?? null;
  if (limit === null || !isActive(status) || holds.some((hold) => hold.name === 'budget')) return null;
  const live = Math.max(0, nowMs - Date.parse(statusSince));
  return limit * 1_000 - (usage.activeMs + live - base.activeMs);
}
