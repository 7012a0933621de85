import type { Logger } from '../observe/log.ts';
import { logUnexpected } from './claim-refusal.ts';

export interface LoopOptions {
  /** One round; returns how long to sleep before the next, ms, or nothing for `everyMs`. */
  round: () => Promise<number | void>;
  everyMs: number;
  logger: Logger;
  /** What cannot be done when a round fails. */
  what: string;
}

/** A longer sleep overflows or drifts; nobody needs one. */
const LONGEST_MS = 60_000;

/** Rounds one after another, never two at once; a failed round is logged and the next comes as usual. */
export class Loop implements AsyncDisposable {
  readonly #options: LoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  #again = false;
  #isClosed = false;

  /** The first round comes after `firstAfterMs`. */
  constructor(options: LoopOptions, firstAfterMs: number = options.everyMs) {
    this.#options = options;
    this.#schedule(firstAfterMs);
  }

  /** A round at once; during a round, another after it. */
  now(): void {
    if (this.#isClosed) return;
    if (this.#running !== null) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (!this.#again) return;
      this.#again = false;
      this.now();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(afterMs: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), Math.min(Math.max(afterMs, 0), LONGEST_MS));
  }

  async #run(): Promise<void> {
    const { round, everyMs, logger, what } = this.#options;
    let afterMs: number | void = undefined;
    try {
      afterMs = await round();
    } catch (error) {
      logUnexpected(logger, error, {}, what);
    }
    this.#schedule(afterMs ?? everyMs);
  }
}
