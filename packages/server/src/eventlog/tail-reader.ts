import type { RunEvent } from '@fermata/protocol';

const MOST_EVENTS = 256;
const MOST_BYTES = 1_048_576;

/** Why a waiting reader goes on: there is something to read, nothing has come for a while, or it shall end. */
export type Wake = 'events' | 'silence' | 'end';

/**
 * What one reader has been given, and what waits for it in memory. Invariant: the queue continues `given` without a
 * gap, so whatever is not in it is in the table behind `tail`.
 */
export class TailReader {
  /** Last seq that the consumer has been given. */
  #given: number;
  #queue: RunEvent[] = [];
  #queuedBytes = 0;
  #wake: ((wake: Wake) => void) | null = null;
  #hasEnded = false;
  #quietSince = performance.now();

  constructor(after: number) {
    this.#given = after;
  }

  /** Last seq that is given or queued. */
  get tail(): number {
    return this.#queue.at(-1)?.seq ?? this.#given;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Takes those events from memory that continue the queue; the others are read from the table. */
  offer(events: readonly RunEvent[], bytesOf: (event: RunEvent) => number): void {
    for (const event of events) {
      if (event.seq <= this.tail) continue;
      if (firstSeq(event) !== this.tail + 1) break;
      // While nothing is queued nothing piles up, and the size need not be known.
      const bytes = this.#queue.length === 0 ? 0 : bytesOf(event);
      if (this.#queue.length >= MOST_EVENTS || this.#queuedBytes + bytes > MOST_BYTES) {
        this.#forgetQueue();
        break;
      }
      this.#queue.push(event);
      this.#queuedBytes += bytes;
    }
    this.wake('events');
  }

  /** What is queued, as given. */
  takeQueue(): RunEvent[] {
    const events = this.#queue;
    this.#given = this.tail;
    this.#forgetQueue();
    this.#quietSince = performance.now();
    return events;
  }

  /** Events that were read from the table after `tail`. */
  noteRead(events: readonly RunEvent[]): void {
    this.#given = events.at(-1)?.seq ?? this.#given;
    this.#quietSince = performance.now();
  }

  noteSilence(): void {
    this.#quietSince = performance.now();
  }

  /** Until something happens. One waiter at a time. */
  wait(): Promise<Wake> {
    if (this.#hasEnded) return Promise.resolve('end');
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(why: Wake): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.(why);
  }

  /** Wakes a reader that has waited and been given nothing for `ms`. */
  wakeWhenQuiet(ms: number): void {
    if (this.#wake !== null && performance.now() - this.#quietSince >= ms) this.wake('silence');
  }

  end(): void {
    this.#hasEnded = true;
    this.wake('end');
  }

  #forgetQueue(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
  }
}

/** A compacted delta stands for `from…seq`. */
function firstSeq(event: RunEvent): number {
  return event.type === 'message.delta' ? (event.data.from ?? event.seq) : event.seq;
}
