import type { Pool } from './pool.ts';

/** True when requests can be served, else why not. `isUp`: whether the server is neither starting nor stopping. */
export async function readiness(pool: Pool, isUp: () => boolean): Promise<boolean | string> {
  if (!isUp()) return 'the server is starting, stopping, or without its database';
  try {
    await pool.read((sql) => sql`select 1`);
    return true;
  } catch {
    return 'the database cannot be reached';
  }
}
