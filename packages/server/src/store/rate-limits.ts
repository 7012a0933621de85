import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateCount, RateLimit, RateLimiter } from '../engine/ports.ts';
import type { Pool } from './pool.ts';

/** A statement as the limiter gives it, for a client of node-postgres. */
interface LimiterStatement {
  text: string;
  values: (string | number | null)[];
}

/**
 * Fixed windows in one table that all processes share. A key that is over its limit is refused from memory until
 * its window ends.
 * @param exempt ids of keys that are never refused
 */
export function createRateLimiter(pool: Pool, exempt: readonly string[] = []): RateLimiter {
  const exempted = new Set(exempt);
  const limiters = new Map<string, RateLimiterPostgres>();
  // One statement of its own each time: it commits by itself, and one that is asked again after a lost connection
  // counts a request twice at worst.
  const storeClient = {
    async query({ text, values }: LimiterStatement): Promise<{ rows: unknown[]; rowCount: number }> {
      const rows = await pool.read((sql) => sql.unsafe(text, values, { prepare: true }));
      return { rows: [...rows], rowCount: rows.count };
    },
  };

  function limiterOf({ name, requests, seconds }: RateLimit): RateLimiterPostgres {
    const known = limiters.get(name);
    if (known !== undefined) return known;
    const limiter = new RateLimiterPostgres({
      storeClient,
      storeType: 'client',
      tableName: 'rate_limits',
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix: name,
      points: requests,
      duration: seconds,
      inMemoryBlockOnConsumed: requests,
    });
    limiters.set(name, limiter);
    return limiter;
  }

  return {
    async take(keyId, limit) {
      if (exempted.has(keyId)) return null;
      try {
        return countFrom(await limiterOf(limit).consume(keyId), true);
      } catch (refused) {
        if (refused instanceof RateLimiterRes) return countFrom(refused, false);
        throw refused;
      }
    },
  };
}

function countFrom({ remainingPoints, msBeforeNext }: RateLimiterRes, isAllowed: boolean): RateCount {
  return { isAllowed, remaining: Math.max(0, remainingPoints), endsInMs: Math.max(0, msBeforeNext) };
}
