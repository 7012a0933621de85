import type { SegmentClock } from './segment-ports.ts';

/** The clock of the machine. */
export const SYSTEM_CLOCK: SegmentClock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((done) => {
      if (signal.aborted) return done();
      const timer = setTimeout(end, ms);
      function end(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        done();
      }
      signal.addEventListener('abort', end, { once: true });
    }),
};
