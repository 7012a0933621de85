import type { Retention } from '../engine/ports.ts';
import type { Pool } from './pool.ts';

/** Deletes in slices, skipping what somebody else has locked. */
export function createRetention(pool: Pool): Retention {
  return {
    async expiredReplies(limit) {
      const deleted = await pool.transaction(
        (sql) => sql`delete from replies where scope in (
          select scope from replies where expires_at <= now() order by expires_at limit ${limit}
          for update skip locked)`,
      );
      return deleted.count;
    },
    async expiredRecords(limit) {
      const deleted = await pool.transaction(
        (sql) => sql`delete from records where (organization_id, face, collection, id) in (
          select organization_id, face, collection, id from records where expires_at <= now()
          order by expires_at limit ${limit} for update skip locked)`,
      );
      return deleted.count;
    },
    async unusedBlobs(limit) {
      // Put touches a blob before the commit that refers to it, and waits for a delete that is under way.
      const deleted = await pool.transaction(
        (sql) => sql`delete from blobs where (organization_id, digest) in (
          select organization_id, digest from blobs
          where touched_at < now() - interval '24 hours' and not exists (
            select from blob_references
            where blob_references.organization_id = blobs.organization_id
              and blob_references.digest = blobs.digest)
          order by touched_at limit ${limit} for update skip locked)`,
      );
      return deleted.count;
    },
    async endedJobItems(limit) {
      const deleted = await pool.transaction(
        (sql) => sql`delete from job_items where (job_id, position) in (
          select i.job_id, i.position from jobs j join job_items i on i.job_id = j.id
          where j.finished_at < now() - interval '7 days' limit ${limit} for update of i skip locked)`,
      );
      return deleted.count;
    },
    async deadExecutors(limit) {
      const deleted = await pool.transaction(
        (sql) => sql`delete from executors where id in (
          select id from executors
          where dead_at < now() - interval '1 day' and worker_ids = '{}' and not exists (
            select from run_state where run_state.claim is not null and run_state.executor_id = executors.id)
          order by dead_at limit ${limit} for update skip locked)`,
      );
      return deleted.count;
    },
    async endedRateLimits(limit) {
      const deleted = await pool.transaction(
        (sql) => sql`delete from rate_limits where key in (
          select key from rate_limits where expire < ${Date.now() - CLOCK_SKEW_MS} order by expire limit ${limit}
          for update skip locked)`,
      );
      return deleted.count;
    },
    async expiredClientSessions(limit) {
      const deleted = await pool.transaction(
        (sql) => sql`delete from client_sessions where id in (
          select id from client_sessions where expires_at < now() - interval '7 days'
          order by expires_at limit ${limit} for update skip locked)`,
      );
      return deleted.count;
    },
    async oldClientFeedback(limit) {
      // The oldest of each token, along its index.
      const deleted = await pool.transaction(
        (sql) => sql`delete from client_feedback where id in (
          select f.id from client_tokens t cross join lateral (
            select id, created_at from client_feedback where token_id = t.id order by number limit ${limit}) f
          where f.created_at < now() - interval '400 days' limit ${limit})`,
      );
      return deleted.count;
    },
    async oldDeliveries(limit) {
      const deleted = await pool.transaction(
        (sql) => sql`delete from webhook_deliveries where id in (
          select id from webhook_deliveries where started_at < now() - interval '30 days'
          order by started_at limit ${limit} for update skip locked)`,
      );
      return deleted.count;
    },
  };
}

/** Processes count by their own clocks. */
const CLOCK_SKEW_MS = 60_000;
