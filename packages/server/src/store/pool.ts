import { EngineError } from '../engine/errors.ts';
import type { DatabaseTarget } from './database-target.ts';
import { Session } from './session.ts';
import { asEngineError, ConnectionLost, isConnectionError, type Sql } from './sql.ts';

export interface PoolOptions {
  part: string;
  /** Most sessions at once; opened when they are needed. */
  size: number;
  /** How long a caller waits for a session, ms. */
  acquireTimeoutMs?: number;
  /** A caller is freed after this, whatever the network does, ms; longer than `statement_timeout`. */
  answerTimeoutMs?: number;
}

interface Waiter {
  resolve: (session: Session) => void;
  reject: (error: Error) => void;
}

// Backends grow with the statements that they have prepared.
const MAX_AGE_MS = 30 * 60_000;

/**
 * A few sessions, each lent to one caller at a time. A session that was lost is replaced by the next caller that
 * needs one.
 */
export class Pool implements AsyncDisposable {
  readonly #target: DatabaseTarget;
  readonly #options: PoolOptions;
  readonly #idle: Session[] = [];
  readonly #bornAt = new Map<Session, number>();
  readonly #waiters: Waiter[] = [];
  #openCount = 0;
  #isClosed = false;

  constructor(target: DatabaseTarget, options: PoolOptions) {
    this.#target = target;
    this.#options = options;
  }

  /**
   * Statements that only read. They are asked once more on another session when theirs is lost, so that a
   * connection which was cut while it was idle is not seen by anybody.
   */
  async read<T>(run: (sql: Sql) => PromiseLike<T>): Promise<T> {
    try {
      return await this.#lend(run);
    } catch (error) {
      if (!isConnectionError(error) || this.#isClosed) throw asEngineError(error);
    }
    try {
      return await this.#lend(run);
    } catch (error) {
      throw asEngineError(error);
    }
  }

  /** One READ COMMITTED transaction; rolled back when `run` rejects. Never tried again. */
  async transaction<T>(run: (sql: Sql) => PromiseLike<T>): Promise<T> {
    try {
      return await this.#lend(async (sql, session) => {
        await sql`begin`;
        try {
          const result = await run(sql);
          await sql`commit`;
          return result;
        } catch (error) {
          if (!session.isGone) await sql`rollback`.catch(() => session.abandon());
          throw error;
        }
      });
    } catch (error) {
      throw asEngineError(error);
    }
  }

  /** One REPEATABLE READ transaction in which nothing can be written or locked; tried again as a read is. */
  snapshot<T>(run: (sql: Sql) => PromiseLike<T>): Promise<T> {
    return this.read(async (sql) => {
      await sql`begin isolation level repeatable read read only`;
      try {
        return await run(sql);
      } finally {
        await sql`rollback`;
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closedError());
    await Promise.all([...this.#bornAt.keys()].map((session) => session.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #lend<T>(run: (sql: Sql, session: Session) => PromiseLike<T>): Promise<T> {
    const session = await this.#acquire();
    const timer = setTimeout(() => session.abandon(), this.#options.answerTimeoutMs ?? 15_000);
    try {
      return await run(session.sql, session);
    } catch (error) {
      if (session.lost.aborted && !(error instanceof EngineError)) throw new ConnectionLost(error);
      throw error;
    } finally {
      clearTimeout(timer);
      this.#release(session);
    }
  }

  async #acquire(): Promise<Session> {
    if (this.#isClosed) throw closedError();
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (!session.isGone) return session;
      this.#forget(session);
    }
    if (this.#openCount < this.#options.size) return this.#open();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: (session) => {
          clearTimeout(timer);
          resolve(session);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(new EngineError('unavailable', 'The database is too busy now', { retryAfterMs: 1000 }));
      }, this.#options.acquireTimeoutMs ?? 5000);
      this.#waiters.push(waiter);
    });
  }

  async #open(): Promise<Session> {
    this.#openCount++;
    try {
      const session = await Session.open(this.#target, { part: this.#options.part });
      this.#bornAt.set(session, performance.now());
      if (!this.#isClosed) return session;
      this.#bornAt.delete(session);
      await session.close();
      throw closedError();
    } catch (error) {
      this.#openCount--;
      // Waiters wait for a session that will not come back from here.
      this.#waiters.shift()?.reject(asError(error));
      throw error;
    }
  }

  #release(session: Session): void {
    const age = performance.now() - (this.#bornAt.get(session) ?? 0);
    if (session.isGone || age > MAX_AGE_MS) {
      this.#forget(session);
      if (!session.isGone) void session.close().catch(() => {});
      const waiter = this.#waiters.shift();
      if (waiter !== undefined && !this.#isClosed) this.#serve(waiter);
      return;
    }
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#idle.push(session);
    else waiter.resolve(session);
  }

  #serve(waiter: Waiter): void {
    this.#open().then(waiter.resolve, (error: unknown) => waiter.reject(asError(error)));
  }

  #forget(session: Session): void {
    if (this.#bornAt.delete(session)) this.#openCount--;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function closedError(): EngineError {
  return new EngineError('unavailable', 'The server is shutting down');
}
