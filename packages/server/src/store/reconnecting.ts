import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseTarget } from './database-target.ts';
import { Session, type SessionOptions } from './session.ts';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;
const PROBE_MS = 5000;

/**
 * Keeps one session open: opens it, hands it to `onOpen`, probes it, and after a loss opens another, with growing
 * pauses, until it is closed.
 */
export class Reconnecting implements AsyncDisposable {
  readonly #target: DatabaseTarget;
  readonly #options: SessionOptions;
  readonly #onOpen: (session: Session) => Promise<void>;
  readonly #closing = new AbortController();
  readonly #loop: Promise<void>;
  #session: Session | null = null;
  #isReady: () => void = () => {};
  /** Resolves when the first session is open and `onOpen` is through. */
  readonly ready: Promise<void>;

  /** When `onOpen` rejects, the session is given up and another one opened. */
  constructor(
    target: DatabaseTarget,
    options: SessionOptions,
    onOpen: (session: Session) => Promise<void> = () => Promise.resolve(),
  ) {
    this.#target = target;
    this.#options = options;
    this.#onOpen = onOpen;
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    this.#loop = this.#run();
  }

  /** The open session, or null while there is none. */
  get session(): Session | null {
    return this.#session?.isGone === false ? this.#session : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      let session: Session | null = null;
      try {
        session = await Session.open(this.#target, this.#options);
        await this.#onOpen(session);
        this.#session = session;
        this.#isReady();
        pauseMs = FIRST_PAUSE_MS;
        await this.#watch(session);
      } catch {
        // Reached while the database is away: the pause below is all there is to do.
      } finally {
        this.#session = null;
        await session?.close().catch(() => {});
      }
      await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Until the session is lost or this is closed. The probe finds a connection that is dead without a word. */
  async #watch(session: Session): Promise<void> {
    const { signal } = this.#closing;
    const end = AbortSignal.any([signal, session.lost]);
    while (!end.aborted) {
      await delay(PROBE_MS, undefined, { signal: end, ref: false }).catch(() => {});
      if (end.aborted) return;
      const timer = setTimeout(() => session.abandon(), PROBE_MS);
      try {
        await session.sql`select 1`;
      } finally {
        clearTimeout(timer);
      }
    }
  }
}
