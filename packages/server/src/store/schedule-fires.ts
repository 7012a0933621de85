import type { Actor, Json, MissedPolicy, RunOrigin } from '@fermata/protocol';
import type { SchedulePort } from '../engine/facade-sessions.ts';
import { firesDue } from '../engine/schedule-times.ts';
import type { Pool } from './pool.ts';
import type { Sql } from './sql.ts';
import { DATABASE_TIME, idOf, now, type StoreClock } from './schedules.ts';

interface DueRow {
  id: string;
  cron: string;
  timezone: string;
  missed: MissedPolicy;
  next_fire_at: string;
}

interface PendingRow {
  schedule_id: string;
  fire_at: string;
  organization_id: number;
  origin: RunOrigin;
  name: string;
  run: Json;
  created_by: Actor;
}

/**
 * Firing in two steps, so that nothing is lost and nothing is done twice: the time is noted and the schedule moved on
 * in one transaction; then its run is started under a key made of schedule and time, by whoever finds the note.
 */
export function createScheduleFires(pool: Pool, clock: StoreClock = DATABASE_TIME): SchedulePort {
  return {
    async takeDue(limit) {
      let count = 0;
      for (let taken = 0; taken < limit; taken++) {
        const fires = await pool.transaction((sql) => takeOne(sql, clock));
        if (fires === null) break;
        count += fires;
      }
      return count;
    },
    async pending(limit) {
      const rows = await pool.read(
        (sql) => sql<PendingRow[]>`
          select f.schedule_id, f.fire_at, s.organization_id, s.origin, s.name, s.run, s.created_by
          from schedule_fires f join schedules s on s.id = f.schedule_id
          where f.run_id is null and f.error is null order by f.fired_at, f.fire_at limit ${limit}`,
      );
      return rows.map((row) => ({
        scheduleId: idOf(row.schedule_id),
        fireAt: row.fire_at,
        organizationId: row.organization_id,
        origin: row.origin,
        name: row.name,
        run: row.run,
        createdBy: row.created_by,
      }));
    },
    async settle(fire, outcome) {
      const id = fire.scheduleId.replace(/^sched_(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
      const runId = 'runId' in outcome ? outcome.runId : null;
      const error = 'error' in outcome ? outcome.error : null;
      await pool.transaction(
        (sql) => sql`update schedule_fires set run_id = ${runId}, error = ${error}
          where schedule_id = ${id} and fire_at = ${fire.fireAt} and run_id is null`,
      );
    },
  };
}

/** One schedule that is due: how many firings it has given; null when there is none that nobody else has locked. */
async function takeOne(sql: Sql, clock: StoreClock): Promise<number | null> {
  const at = await now(sql, clock);
  const [row] = await sql<DueRow[]>`
    select id, cron, timezone, missed, next_fire_at from schedules
    where next_fire_at <= ${at} order by next_fire_at, id limit 1 for update skip locked`;
  if (row === undefined) return null;
  const { fires, next } = firesDue({ ...row, dueAt: row.next_fire_at }, at);
  const added =
    fires.length === 0
      ? { count: 0 }
      : await sql`
          insert into schedule_fires (schedule_id, fire_at, fired_at)
          select ${row.id}, fire_at, ${at} from unnest(${fires}::timestamptz[]) as fire_at
          on conflict do nothing`;
  await sql`update schedules set next_fire_at = ${next},
    last_fire_at = coalesce(${fires.at(-1) ?? null}, last_fire_at) where id = ${row.id}`;
  return added.count;
}
