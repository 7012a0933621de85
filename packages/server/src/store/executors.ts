import { randomBytes } from 'node:crypto';
import type { PresenceLook, PresencePort, PresenceSession } from '../engine/ports.ts';
import { isUuid } from './condition.ts';
import type { DatabaseTarget } from './database-target.ts';
import type { Pool } from './pool.ts';
import { Session } from './session.ts';
import { asEngineError, codeOf, ConnectionLost, type Fragment, type Sql } from './sql.ts';

/** The server ends the session, and with it the lock, of a process that has not pinged for so long. */
const IDLE_LIMIT_MS = 10_000;
const UNIQUE_VIOLATION = '23505';

export interface PresenceOptions {
  /** Ends a session whose process is silent for so long, ms. */
  idleLimitMs?: number;
}

/**
 * Presence by session advisory locks. `sessionTarget` must not lead through a transaction pooler; `pool` serves the
 * looks and what concerns other executors.
 */
export function createPresence(
  sessionTarget: DatabaseTarget,
  pool: Pool,
  options: PresenceOptions = {},
): PresencePort {
  const openSession = (): Promise<Session> =>
    Session.open(sessionTarget, {
      part: 'presence',
      settings: { idle_session_timeout: options.idleLimitMs ?? IDLE_LIMIT_MS },
    });
  return {
    register: (executor) => orUnavailable(register(openSession, executor)),
    reclaim: (executorId) => orUnavailable(reclaim(openSession, executorId)),
    look: (observer) => pool.read((sql) => look(sql, observer)),
    declareDead: (executorId) => pool.transaction((sql) => declareDead(sql, executorId)),
    async setWorkerIds(executorId, workerIds) {
      await pool.transaction(
        (sql) => sql`update executors set worker_ids = ${[...workerIds]}::text[] where id = ${executorId}`,
      );
    },
    async unreleased() {
      const rows = await pool.read(
        (sql) => sql<{ id: string; worker_ids: string[] }[]>`
          select id, worker_ids from executors where dead_at is not null and worker_ids <> '{}' order by dead_at`,
      );
      return rows.map((row) => ({ executorId: row.id, workerIds: row.worker_ids }));
    },
    async released(executorId) {
      await pool.transaction(
        (sql) => sql`update executors set worker_ids = '{}' where id = ${executorId} and dead_at is not null`,
      );
    },
  };
}

async function orUnavailable<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw asEngineError(error);
  }
}

async function register(
  openSession: () => Promise<Session>,
  executor: { id: string; name: string },
): Promise<PresenceSession> {
  const session = await openSession();
  try {
    for (;;) {
      const lockKey = randomBytes(6).readUIntBE(0, 6);
      if (!(await tryLock(session.sql, lockKey))) continue;
      try {
        // Only after the lock: a row whose lock nobody holds is a dead process.
        await session.sql`
          insert into executors (id, lock_key, name) values (${executor.id}, ${lockKey}, ${executor.name})`;
        return new LockSession(session, executor.id, lockKey);
      } catch (error) {
        await session.sql`select pg_advisory_unlock(${lockKey}::bigint)`;
        if (codeOf(error) !== UNIQUE_VIOLATION || !isLockKeyTaken(error)) throw error;
      }
    }
  } catch (error) {
    await session.close();
    throw error;
  }
}

function isLockKeyTaken(error: unknown): boolean {
  return (error as { constraint_name?: string }).constraint_name === 'executors_lock_key_key';
}

async function reclaim(
  openSession: () => Promise<Session>,
  executorId: string,
): ReturnType<PresencePort['reclaim']> {
  const session = await openSession();
  let kept = false;
  try {
    const [row] = await session.sql<{ lock_key: number }[]>`
      select lock_key from executors where id = ${executorId}`;
    if (row === undefined) return { outcome: 'dead' };
    if (!(await tryLock(session.sql, row.lock_key))) return { outcome: 'taken' };
    // A later statement than the lock: whoever declares an executor dead holds its lock until that is committed.
    const [alive] = await session.sql`select from executors where id = ${executorId} and dead_at is null`;
    if (alive === undefined) return { outcome: 'dead' };
    kept = true;
    return { outcome: 'held', session: new LockSession(session, executorId, row.lock_key) };
  } finally {
    if (!kept) await session.close();
  }
}

async function tryLock(sql: Sql, lockKey: number): Promise<boolean> {
  const [row] = await sql<{ got: boolean }[]>`select pg_try_advisory_lock(${lockKey}::bigint) as got`;
  return row?.got === true;
}

/** Session advisory locks of this database with one 64-bit key, as rows of `key` and `pid`. */
function heldLocks(sql: Sql): Fragment {
  return sql`select (classid::bigint << 32) | objid::bigint as key, pid from pg_locks
    where locktype = 'advisory' and objsubid = 1 and granted
      and database = (select oid from pg_database where datname = current_database())`;
}

interface LookRow {
  id: string;
  name: string;
  held: boolean;
  up_ms: number;
}

async function look(sql: Sql, observer: string): Promise<PresenceLook> {
  const rows = await sql<LookRow[]>`
    select executors.id, executors.name, locks.key is not null as held,
      (extract(epoch from clock_timestamp() - pg_postmaster_start_time()) * 1000)::float8 as up_ms
    from executors left join (${heldLocks(sql)}) locks on locks.key = executors.lock_key
    where executors.dead_at is null`;
  const own = rows.find((row) => row.id === observer);
  return {
    serverUpMs: rows[0]?.up_ms ?? 0,
    ownLockSeen: own?.held === true,
    missing: rows
      .filter((row) => !row.held && row.id !== observer)
      .map((row) => ({ executorId: row.id, name: row.name })),
    alive: rows.filter((row) => row.held).map((row) => row.id),
  };
}

async function declareDead(sql: Sql, executorId: string): Promise<boolean> {
  if (!isUuid(executorId)) return true;
  const [row] = await sql<{ lock_key: number; is_dead: boolean }[]>`
    select lock_key, dead_at is not null as is_dead from executors where id = ${executorId}`;
  if (row === undefined || row.is_dead) return true;
  const [lock] = await sql<
    { got: boolean }[]
  >`select pg_try_advisory_xact_lock(${row.lock_key}::bigint) as got`;
  if (lock?.got !== true) return false;
  await sql`update executors set dead_at = now() where id = ${executorId} and dead_at is null`;
  return true;
}

class LockSession implements PresenceSession {
  readonly executorId: string;
  readonly heldSince = performance.now();
  confirmedAt = performance.now();
  readonly #session: Session;
  readonly #lockKey: number;

  constructor(session: Session, executorId: string, lockKey: number) {
    this.#session = session;
    this.executorId = executorId;
    this.#lockKey = lockKey;
  }

  get lost(): AbortSignal {
    return this.#session.lost;
  }

  async ping(timeoutMs: number): Promise<void> {
    const askedAt = performance.now();
    const timer = setTimeout(() => this.#session.abandon(), timeoutMs);
    try {
      const { sql } = this.#session;
      const [held] = await sql`select from (${heldLocks(sql)}) locks
        where key = ${this.#lockKey} and pid = pg_backend_pid()`;
      if (held === undefined) throw new ConnectionLost(new Error('the presence lock is not held'));
      this.confirmedAt = askedAt;
    } catch (error) {
      this.#session.abandon();
      throw asEngineError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async leave(): Promise<void> {
    try {
      await this.#session.sql`update executors set dead_at = coalesce(dead_at, now()), worker_ids = '{}'
        where id = ${this.executorId}`;
    } finally {
      await this.#session.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.close();
  }
}
