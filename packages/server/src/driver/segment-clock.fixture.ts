import { setImmediate } from 'node:timers/promises';
import type { SegmentClock } from './segment-ports.ts';

/** Virtual time: `run` lets it jump to the next sleeper whenever nothing else can happen. */
export interface TestClock extends SegmentClock {
  /** Jumps to the next sleeper. False when nobody sleeps. */
  advance(): boolean;
  run<T>(work: Promise<T>): Promise<T>;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
}

export function createTestClock(startMs = Date.parse('2026-01-01T00:00:00Z')): TestClock {
  let nowMs = startMs;
  const sleepers = new Set<{ atMs: number; wake: () => void }>();

  function advance(): boolean {
    const next = [...sleepers].sort((a, b) => a.atMs - b.atMs)[0];
    if (next === undefined) return false;
    nowMs = Math.max(nowMs, next.atMs);
    next.wake();
    return true;
  }

  async function settle(): Promise<void> {
    for (let turn = 0; turn < 12; turn += 1) await setImmediate();
  }

  return {
    now: () => nowMs,
    sleep(ms, signal) {
      return new Promise((resolve) => {
        if (signal.aborted) return void resolve();
        const sleeper = {
          atMs: nowMs + ms,
          wake: () => {
            sleepers.delete(sleeper);
            signal.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal.addEventListener('abort', sleeper.wake, { once: true });
      });
    },
    advance,
    settle,
    async run(work) {
      let isDone = false;
      const done = (): void => {
        isDone = true;
      };
      work.then(done, done);
      for (let idle = 0; ;) {
        await settle();
        if (isDone) return await work;
        idle = advance() ? 0 : idle + 1;
        if (idle > 50) throw new Error('stuck: nothing happens any more and nobody sleeps');
      }
    },
  };
}
