import type { Session } from '../packages/server/src/store/session.ts';
import { call, type BenchServer } from './http-world.ts';
import { quantile, type Figure } from './world.ts';

const ROUNDS = 300;
const WARM_UP = 50;

/** Pages of the inbox out of 100,000 open waits, by HTTP; and held runs out of as many that are not. */
export async function benchInbox(server: BenchServer, { sql }: Session): Promise<Record<string, Figure>> {
  const [row] = await sql<{ waits: number }[]>`select count(*)::int as waits from waits where state = 'open'`;
  // Some stand under a hold, as a handful always does.
  await sql`
    with held as (
      select run_id, number, 'hold_' || run_id || '_budget' as id from run_state order by number desc limit 500
    ), marked as (
      update run_state s set status = 'paused', state = jsonb_set(s.state::jsonb, '{holds}', jsonb_build_array(
        jsonb_build_object('name', 'budget', 'reason', 'maxTurns is reached', 'since', now(), 'stopClock', true,
          'by', jsonb_build_object('type', 'system', 'id', 'limits', 'name', 'Fermata (limits)'))))::json
      from held where held.run_id = s.run_id
    )
    insert into holds select id, run_id, 1, number, 'budget', now(), true from held on conflict do nothing`;
  await sql`vacuum analyze`;
  const one = await pages(server, () => '/v1/waits?limit=1');
  const beside = quantile(one, 0.99);
  const first = await pages(server, () => '/v1/inbox?limit=50');
  let cursor = '';
  const walked = await pages(
    server,
    () => `/v1/inbox?limit=50${cursor}`,
    (body) => {
      cursor = typeof body['nextCursor'] === 'string' ? `&cursor=${body['nextCursor']}` : '';
    },
  );
  const deadline = await pages(server, () => '/v1/inbox?limit=50&orderBy=deadline');
  const held = await pages(server, () => '/v1/runs?limit=50&hold=budget');
  const note = `out of ${row?.waits ?? 0} open waits; beside: a page of one wait`;
  const figure = (values: number[], q: number, more = ''): Figure => {
    const value = quantile(values, q);
    return { value, unit: 'ms', baseline: beside, ratio: value / beside, note: `${note}${more}` };
  };
  return {
    inbox_page_p50_ms: figure(first, 0.5),
    inbox_page_p99_ms: figure(first, 0.99),
    inbox_walk_p99_ms: figure(walked, 0.99, '; page after page by cursor'),
    inbox_deadline_p99_ms: figure(deadline, 0.99, '; by deadline'),
    runs_by_hold_p99_ms: figure(held, 0.99, '; GET /v1/runs?hold=budget'),
  };
}

async function pages(
  server: BenchServer,
  path: () => string,
  onBody: (body: Record<string, unknown>) => void = () => {},
): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    const { status, body } = await call(server, 'GET', path());
    if (round >= WARM_UP) times.push(performance.now() - started);
    if (status !== 200) throw new Error(`${path()} answered ${status}: ${JSON.stringify(body)}`);
    onBody(body);
  }
  return times;
}
