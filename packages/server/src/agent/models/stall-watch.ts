import { BrokenStreamError } from '../failure.ts';

/** A provider may be alive (pings) and still say nothing; after this many silent spans it counts as stalled too. */
const QUIET_SPANS = 5;

/** Ends a call whose provider has gone silent. */
export interface StallWatch {
  /** Fires with a `BrokenStreamError`. */
  signal: AbortSignal;
  /** Something arrived. `content`: it was part of the answer, not only a sign of life. */
  touch(kind: 'content' | 'alive'): void;
  stop(): void;
}

/** Starts at once: the time to the first byte counts. `stallMs` is the longest silence, milliseconds. */
export function watchForStall(stallMs: number): StallWatch {
  const controller = new AbortController();
  let lastContentMs = performance.now();
  let timer = setTimeout(onSilence, stallMs);

  function onSilence(): void {
    const seconds = Math.round((performance.now() - lastContentMs) / 100) / 10;
    controller.abort(new BrokenStreamError(`the model provider has sent nothing for ${seconds} s`));
  }

  function touch(kind: 'content' | 'alive'): void {
    if (kind === 'content') lastContentMs = performance.now();
    clearTimeout(timer);
    const leftMs = lastContentMs + stallMs * QUIET_SPANS - performance.now();
    timer = setTimeout(onSilence, Math.max(0, Math.min(stallMs, leftMs)));
  }

  return { signal: controller.signal, touch, stop: () => clearTimeout(timer) };
}
