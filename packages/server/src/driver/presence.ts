import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { PresencePort, PresenceSession } from '../engine/ports.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';

/** One life of this process in the eyes of the others. */
export interface Incarnation {
  readonly executorId: string;
  /** Aborts when others have declared it dead: its runs are theirs now. */
  readonly dead: AbortSignal;
}

/** What those need who claim and drive. */
export interface PresenceView {
  readonly current: Incarnation;
  /** The server has confirmed within `maxAgeMs` that this process holds its lock. */
  isPresent(maxAgeMs: number): boolean;
  /**
   * When the lock was had again after it was lost, by `performance.now()`; null when it never was. What took ours
   * (a failover, a broken network) may have taken the others' too, and they need time to come back.
   */
  readonly recoveredAt: number | null;
}

export interface PresenceOptions {
  port: PresencePort;
  /** For people: host and process id. */
  name: string;
  logger: Logger;
  metrics: Metrics;
  /** The lock could not be had for `giveUpAfterMs`: the process should end. */
  onFatal: (error: Error) => void;
  /** 2 s unless given: a fifth of the session's `idle_session_timeout`. */
  pingEveryMs?: number;
  /** A ping that takes longer is a lost session, ms. */
  pingTimeoutMs?: number;
  /** Between two tries to have the lock again, ms. */
  reclaimEveryMs?: number;
  giveUpAfterMs?: number;
}

/**
 * Holds the process's presence: a session advisory lock, on a session that ends by itself when it is not pinged.
 * Pinged from the main loop on purpose: a process whose loop hangs is dead to the others.
 *
 * held → (ping fails, connection breaks) → lost → held again, or dead → a new life under a new id.
 */
export class Presence implements PresenceView, AsyncDisposable {
  readonly #options: PresenceOptions;
  #session: PresenceSession;
  #life: { executorId: string; dead: AbortSignal; die: (reason: Error) => void };
  #confirmed: { monotonic: number; wall: number };
  #workerIds: { ids: readonly string[]; writtenFor: string | null } = { ids: [], writtenFor: null };
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | null = null;
  #recoveredAt: number | null = null;
  #isClosed = false;
  readonly #loop: Promise<void>;

  private constructor(options: PresenceOptions, session: PresenceSession, at: Confirmed) {
    this.#options = options;
    this.#session = session;
    this.#life = newLife(session.executorId);
    this.#confirmed = at;
    options.metrics.presenceHeld(true);
    this.#loop = this.#run();
  }

  /** Rejects when the database cannot be reached. */
  static async start(options: PresenceOptions): Promise<Presence> {
    const at = confirmedNow();
    const session = await options.port.register({ id: randomUUID(), name: options.name });
    return new Presence(options, session, at);
  }

  get current(): Incarnation {
    return this.#life;
  }

  get recoveredAt(): number | null {
    return this.#recoveredAt;
  }

  isPresent(maxAgeMs: number): boolean {
    if (this.#isClosed || this.#session.lost.aborted || this.#life.dead.aborted) return false;
    // The monotonic clock stands still while a machine is suspended, the wall clock may be set back: the older
    // answer counts.
    const age = Math.max(performance.now() - this.#confirmed.monotonic, Date.now() - this.#confirmed.wall);
    return age <= maxAgeMs;
  }

  /** The ids under which this process locks jobs, written down for whoever survives it. */
  async setWorkerIds(workerIds: readonly string[]): Promise<void> {
    const { executorId } = this.#life;
    this.#workerIds = { ids: workerIds, writtenFor: null };
    await this.#options.port.setWorkerIds(executorId, workerIds);
    this.#workerIds = { ids: workerIds, writtenFor: executorId };
  }

  /** Orderly end: nothing is claimed any more. */
  async leave(): Promise<void> {
    await this.#stop();
    await this.#session.leave();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await this.#session[Symbol.asyncDispose]();
  }

  async #stop(): Promise<void> {
    this.#isClosed = true;
    this.#options.metrics.presenceHeld(false);
    clearTimeout(this.#timer);
    this.#wake?.();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      await this.#sleep(this.#options.pingEveryMs ?? 2000, this.#session.lost);
      if (this.#isClosed) return;
      if (await this.#ping()) {
        await this.#writeWorkerIds();
        continue;
      }
      this.#options.metrics.presenceHeld(false);
      if (!(await this.#recover())) return;
      this.#options.metrics.presenceHeld(true);
    }
  }

  async #ping(): Promise<boolean> {
    if (this.#session.lost.aborted) return false;
    // What the server confirms is true from before the question on.
    const at = confirmedNow();
    try {
      await this.#session.ping(this.#options.pingTimeoutMs ?? 4000);
    } catch {
      return false;
    }
    this.#confirmed = at;
    return true;
  }

  /** A new life locks jobs under the same ids as the one before. */
  async #writeWorkerIds(): Promise<void> {
    const { ids, writtenFor } = this.#workerIds;
    if (ids.length === 0 || writtenFor === this.#life.executorId) return;
    await this.setWorkerIds(ids).catch((error: unknown) => {
      this.#options.logger.debug({ err: error }, 'the worker ids cannot be written now');
    });
  }

  /** Until the lock is held again, by this life or the next. False when that is given up or not needed any more. */
  async #recover(): Promise<boolean> {
    const { logger, giveUpAfterMs = 60_000, reclaimEveryMs = 250, onFatal } = this.#options;
    const lostAt = performance.now();
    const { executorId } = this.#life;
    logger.warn({ executorId }, 'the presence lock was lost; nothing is claimed until it is held again');
    let failure: unknown = null;
    while (!this.#isClosed) {
      try {
        if (await this.#tryAgain()) {
          this.#recoveredAt = performance.now();
          const lostMs = Math.round(performance.now() - lostAt);
          logger.info({ executorId: this.#life.executorId, lostMs }, 'the presence lock is held again');
          return true;
        }
      } catch (error) {
        failure = error;
      }
      if (performance.now() - lostAt >= giveUpAfterMs) {
        onFatal(new Error(`no presence lock for ${giveUpAfterMs} ms`, { cause: failure }));
        return false;
      }
      await this.#sleep(reclaimEveryMs, null);
    }
    return false;
  }

  async #tryAgain(): Promise<boolean> {
    const { port, logger, name } = this.#options;
    const at = confirmedNow();
    if (!this.#life.dead.aborted) {
      const { executorId } = this.#life;
      const answer = await port.reclaim(executorId);
      if (answer.outcome === 'taken') return false;
      if (answer.outcome === 'held') return this.#hold(answer.session, at);
      logger.warn({ executorId }, 'this process was declared dead; its runs are driven by others');
      this.#life.die(new Error('declared dead'));
    }
    const session = await port.register({ id: randomUUID(), name });
    if (!(await this.#hold(session, at))) return false;
    this.#life = newLife(session.executorId);
    await this.#writeWorkerIds();
    return true;
  }

  async #hold(session: PresenceSession, at: Confirmed): Promise<boolean> {
    if (this.#isClosed) {
      await session[Symbol.asyncDispose]();
      return false;
    }
    const before = this.#session;
    this.#session = session;
    this.#confirmed = at;
    await discard(before);
    return true;
  }

  #sleep(ms: number, until: AbortSignal | null): Promise<void> {
    if (this.#isClosed || until?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(this.#timer);
        until?.removeEventListener('abort', done);
        this.#wake = null;
        resolve();
      };
      this.#wake = done;
      this.#timer = setTimeout(done, ms);
      until?.addEventListener('abort', done, { once: true });
    });
  }
}

/** A session that is of no use any more; that it cannot be ended is no news. */
async function discard(session: PresenceSession): Promise<void> {
  try {
    await session[Symbol.asyncDispose]();
  } catch {
    // It is gone already.
  }
}

interface Confirmed {
  monotonic: number;
  wall: number;
}

function confirmedNow(): Confirmed {
  return { monotonic: performance.now(), wall: Date.now() };
}

function newLife(executorId: string): {
  executorId: string;
  dead: AbortSignal;
  die: (reason: Error) => void;
} {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return { executorId, dead: controller.signal, die: (reason) => controller.abort(reason) };
}
