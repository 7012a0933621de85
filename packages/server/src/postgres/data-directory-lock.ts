import { setTimeout as delay } from 'node:timers/promises';
import type postgres from 'postgres';
import { adminClient, type Endpoint } from './cluster.ts';
import { isProcessAlive } from './postmaster-file.ts';

// The two halves of one advisory key ("ferm", "data"), so that pg_locks shows them as classid and objid.
const LOCK_CLASS = 0x6665726d;
const LOCK_OBJECT = 0x64617461;

/** The other server that owns the data directory; its pid is 0 when nobody knows. */
export interface LockHolder {
  pid: number;
}

/**
 * Ownership of a data directory: a session advisory lock in the cluster's own database, so it ends with the
 * process that holds it, however that ends.
 */
export class DataDirectoryLock implements AsyncDisposable {
  readonly #sql: postgres.Sql;
  #isHeld = true;

  private constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  /**
   * Takes the lock, or tells who has it. `onLost` is called once when the session ends without our doing: then
   * PostgreSQL has died or has thrown us out, and the lock is free for others.
   */
  static async acquire(endpoint: Endpoint, onLost: () => void): Promise<DataDirectoryLock | LockHolder> {
    let lock: DataDirectoryLock | undefined;
    const sql = adminClient(endpoint, 5, () => {
      if (!lock?.isHeld) return;
      lock.#isHeld = false;
      onLost();
    });
    try {
      // A holder that was just killed may have a session that PostgreSQL has not ended yet.
      for (let attempt = 0; ; attempt++) {
        const [row] = await sql<{ taken: boolean }[]>`
          select pg_try_advisory_lock(${LOCK_CLASS}::int, ${LOCK_OBJECT}::int) as taken`;
        if (row?.taken) {
          lock = new DataDirectoryLock(sql);
          return lock;
        }
        const pid = await findHolder(sql);
        if (attempt >= 40 || (pid > 0 && isProcessAlive(pid))) {
          await sql.end({ timeout: 0 });
          return { pid };
        }
        await delay(50);
      }
    } catch (error) {
      await sql.end({ timeout: 0 }).catch(() => {});
      throw error;
    }
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Says nothing of the session's end from now on, but keeps the lock until then. */
  expectLoss(): void {
    this.#isHeld = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isHeld = false;
    await this.#sql.end({ timeout: 0 }).catch(() => {});
  }
}

async function findHolder(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ name: string }[]>`
    select activity.application_name as name
    from pg_locks as lock
    join pg_stat_activity as activity using (pid)
    where lock.locktype = 'advisory' and lock.granted
      and lock.classid = ${LOCK_CLASS}::oid and lock.objid = ${LOCK_OBJECT}::oid`;
  return Number(/^fermata (\d+)$/.exec(row?.name ?? '')?.[1] ?? 0);
}
