import type { Session } from '../packages/server/src/store/session.ts';
import { call, startServerProcess } from './http-world.ts';
import { median, type Figure } from './world.ts';

const RUNS = 100_000;

/** 100,000 parked runs beside none: memory, start-up, and what the standing queries cost. */
export async function benchParked(databaseUrl: string, { sql }: Session): Promise<Record<string, Figure>> {
  const empty = await standing(databaseUrl);
  await insertParked(sql);
  const full = await standing(databaseUrl);
  return {
    parked_100k_rss_mb: {
      value: full.residentMb - empty.residentMb,
      unit: 'MB',
      baseline: empty.residentMb,
      ratio: full.residentMb / empty.residentMb,
      note: 'resident memory above that of the same server without runs, 5 s after start',
    },
    parked_100k_boot_s: {
      value: full.bootSeconds,
      unit: 's',
      baseline: empty.bootSeconds,
      ratio: full.bootSeconds / empty.bootSeconds,
    },
    parked_100k_waits_page_ms: {
      value: full.pageMs,
      unit: 'ms',
      note: 'GET /v1/waits?limit=50, median',
      baseline: empty.pageMs,
      ratio: full.pageMs / empty.pageMs,
    },
  };
}

async function standing(
  databaseUrl: string,
): Promise<{ residentMb: number; bootSeconds: number; pageMs: number }> {
  const server = await startServerProcess(databaseUrl);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const residentMb = await server.residentMb();
  const pages: number[] = [];
  for (let index = 0; index < 30; index++) {
    const started = performance.now();
    await call(server, 'GET', '/v1/waits?limit=50');
    pages.push(performance.now() - started);
  }
  await server.stop();
  return { residentMb, bootSeconds: server.bootSeconds, pageMs: median(pages) };
}

/** Copies one waiting run of the database 100,000 times, rows as the committer writes them. */
export async function insertParked(sql: Session['sql']): Promise<void> {
  await sql`
    with model as (
      select r.*, s.status as s_status, s.head as s_head, s.state as s_state, w.id as w_id
      from runs r join run_state s on s.run_id = r.id join waits w on w.run_id = r.id and w.state = 'open'
      where s.status = 'waiting' limit 1
    ), copies as (
      select gen_random_uuid() as new_id, nextval('run_number') as new_number, i from generate_series(1, ${RUNS}::int) i
    ), inserted as (
      insert into runs
      select copy.* from model m, copies c, lateral json_populate_record(null::runs,
        (to_jsonb(m) || jsonb_build_object('id', c.new_id, 'number', c.new_number, 'key', null))::json) as copy
      returning id, number
    ), states as (
      insert into run_state (run_id, organization_id, number, status, head, state)
      select i.id, m.organization_id, i.number, 'waiting', m.s_head, m.s_state from inserted i, model m returning run_id
    )
    insert into waits
    select copy.* from states s, (select w.* from model m join waits w on w.id = m.w_id) as w,
      lateral json_populate_record(null::waits,
        (to_jsonb(w) || jsonb_build_object('id', 'wait_' || s.run_id, 'run_id', s.run_id))::json) as copy`;
  await sql`vacuum analyze`;
}
