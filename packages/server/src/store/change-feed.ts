import type { RunChange } from '../engine/facade.ts';
import type { RunHint } from '../engine/ports.ts';

interface Subscriber {
  changed: Map<string, RunChange>;
  hasEnded: boolean;
  quietSince: number;
  wake: (() => void) | null;
}

/** Most runs that wait for one subscriber; beyond it the oldest are dropped, since the feed is a hint anyway. */
const MOST_WAITING = 10_000;
const TICK_MS = 1000;

/** Changes of runs by organization, coalesced per run for each subscriber until it takes them. */
export class ChangeFeed {
  readonly #heartbeatMs: number;
  readonly #subscribers = new Map<number, Set<Subscriber>>();
  readonly #timer: NodeJS.Timeout;

  constructor(heartbeatMs: number) {
    this.#heartbeatMs = heartbeatMs;
    this.#timer = setInterval(() => this.#tick(), Math.min(TICK_MS, heartbeatMs));
    this.#timer.unref();
  }

  note(hint: RunHint): void {
    for (const subscriber of this.#subscribers.get(hint.organizationId) ?? []) {
      const { runId, status, head, openWaits } = hint;
      const known = subscriber.changed.get(runId);
      if (known !== undefined && known.head > head) continue;
      subscriber.changed.delete(runId);
      subscriber.changed.set(runId, { runId, status, head, openWaits });
      const [oldest] = subscriber.changed.keys();
      if (subscriber.changed.size > MOST_WAITING && oldest !== undefined) subscriber.changed.delete(oldest);
      wake(subscriber);
    }
  }

  /** `null` after a silence. Changes count from now on, also those before the first is asked for. */
  open(organizationId: number, signal: AbortSignal): AsyncIterable<RunChange[] | null> {
    const subscriber: Subscriber = {
      changed: new Map(),
      hasEnded: signal.aborted,
      quietSince: performance.now(),
      wake: null,
    };
    const subscribers = this.#subscribers.get(organizationId) ?? new Set();
    const end = (): void => {
      subscriber.hasEnded = true;
      subscribers.delete(subscriber);
      if (subscribers.size === 0 && this.#subscribers.get(organizationId) === subscribers) {
        this.#subscribers.delete(organizationId);
      }
      wake(subscriber);
    };
    if (!signal.aborted) {
      this.#subscribers.set(organizationId, subscribers.add(subscriber));
      signal.addEventListener('abort', end, { once: true });
    }
    return this.#follow(subscriber, () => {
      signal.removeEventListener('abort', end);
      end();
    });
  }

  close(): void {
    clearInterval(this.#timer);
    for (const subscribers of this.#subscribers.values()) {
      for (const subscriber of subscribers) {
        subscriber.hasEnded = true;
        wake(subscriber);
      }
    }
  }

  async *#follow(
    subscriber: Subscriber,
    release: () => void,
  ): AsyncGenerator<RunChange[] | null, void, void> {
    try {
      while (!subscriber.hasEnded) {
        if (subscriber.changed.size > 0) {
          const changes = [...subscriber.changed.values()];
          subscriber.changed.clear();
          subscriber.quietSince = performance.now();
          yield changes;
        } else if (performance.now() - subscriber.quietSince >= this.#heartbeatMs) {
          subscriber.quietSince = performance.now();
          yield null;
        } else {
          await new Promise<void>((resolve) => {
            subscriber.wake = resolve;
          });
        }
      }
    } finally {
      release();
    }
  }

  #tick(): void {
    const now = performance.now();
    for (const subscribers of this.#subscribers.values()) {
      for (const subscriber of subscribers) {
        if (now - subscriber.quietSince >= this.#heartbeatMs) wake(subscriber);
      }
    }
  }
}

function wake(subscriber: Subscriber): void {
  const { wake: resolve } = subscriber;
  subscriber.wake = null;
  resolve?.();
}
