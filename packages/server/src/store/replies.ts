import { setTimeout as delay } from 'node:timers/promises';
import { EngineError, ReplayedReply, type StoredReply } from '../engine/errors.ts';
import type { CommandOptions, Idempotency } from '../engine/caller.ts';
import type { Pool } from './pool.ts';
import type { Sql } from './sql.ts';

/** How long the twin of a request that is in flight waits for it. */
const IN_FLIGHT_MS = 5000;
const RETRY_MS = 25;

type ReplyKey = Pick<Idempotency, 'scope' | 'fingerprint'>;

/** The twin has the lock: this attempt is given up, its connection with it. */
class InFlight extends Error {
  override readonly name = 'InFlight';
}

/**
 * Runs a mutation that is not a commit on a run, in one transaction, so that asking twice is asking once: with a key
 * that was used before, nothing is run.
 * @param shown what of the result the stored reply may tell; secrets are not stored
 * @throws ReplayedReply with the stored reply
 * @throws EngineError `idempotency_conflict`, `idempotency_in_flight`, `unavailable` past the deadline
 */
export async function withReply<T>(
  pool: Pool,
  options: CommandOptions | undefined,
  run: (sql: Sql) => Promise<T>,
  shown: (result: T) => unknown = (result) => result,
): Promise<T> {
  const key = options?.idempotency;
  const giveUpAt = performance.now() + IN_FLIGHT_MS;
  for (let pauseMs = RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, 200)) {
    if (options?.deadlineAt !== undefined && Date.now() > options.deadlineAt) {
      throw new EngineError('unavailable', 'The server was too busy to begin in time', {
        retryAfterMs: 1000,
      });
    }
    if (key === undefined) return pool.transaction(run);
    try {
      return await pool.transaction(async (sql) => {
        const stored = await lockReply(sql, key);
        if (stored !== null) throw new ReplayedReply(stored);
        const result = await run(sql);
        await insertReply(sql, key, key.encode(shown(result)));
        return result;
      });
    } catch (error) {
      if (!(error instanceof InFlight)) throw error;
    }
    if (performance.now() + pauseMs > giveUpAt) {
      throw new EngineError('idempotency_in_flight', 'The first request with this key is still in flight', {
        retryAfterMs: 1000,
      });
    }
    await delay(pauseMs);
  }
}

/** The lock that the committer takes for the same scope. */
async function lockReply(sql: Sql, key: ReplyKey): Promise<StoredReply | null> {
  const [lock] = await sql<{ got: boolean }[]>`
    select pg_try_advisory_xact_lock(hashtextextended(${key.scope}, 0)) as got`;
  if (lock?.got !== true) throw new InFlight();
  // A later statement than the lock, so that it sees what the twin has committed.
  const [stored] = await sql<(StoredReply & { fingerprint: string })[]>`
    select encode(fingerprint, 'hex') as fingerprint, status, body from replies
    where scope = decode(${key.scope}, 'hex') and expires_at > now()`;
  if (stored === undefined) return null;
  if (stored.fingerprint !== key.fingerprint) {
    throw new EngineError('idempotency_conflict', 'This idempotency key was used with another body');
  }
  return { status: stored.status, body: stored.body };
}

async function insertReply(sql: Sql, key: ReplyKey, reply: StoredReply): Promise<void> {
  await sql`
    insert into replies (scope, fingerprint, status, body, expires_at)
    values (decode(${key.scope}, 'hex'), decode(${key.fingerprint}, 'hex'), ${reply.status}, ${reply.body},
      now() + interval '24 hours')
    on conflict (scope) do update set fingerprint = excluded.fingerprint, status = excluded.status,
      body = excluded.body, expires_at = excluded.expires_at`;
}
