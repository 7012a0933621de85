import { call, readEvents, startServerProcess, until } from './http-world.ts';
import { median, quantile, type Figure } from './world.ts';
import type { Session } from '../packages/server/src/store/session.ts';

/** Two processes on one database: recovery after kill -9, and from append here to receive there. */
export async function benchProcesses(databaseUrl: string, { sql }: Session): Promise<Record<string, Figure>> {
  const recoveries: number[] = [];
  for (let round = 0; round < 3; round++) {
    const victim = await startServerProcess(databaseUrl);
    const { body } = await call(victim, 'POST', '/v1/runs', {
      model: 'script/bench',
      script: [
        { text: 'x'.repeat(200), deltas: Array.from({ length: 200 }, () => 'word '), deltaDelayMs: 100 },
      ],
      input: 'hello',
    });
    const id = String(body['id']);
    await until(async () => (await head(sql, id)) > 4);
    const other = await startServerProcess(databaseUrl);
    await until(async () => (await call(other, 'GET', '/readyz')).status === 200);
    const killed = performance.now();
    await victim.stop('SIGKILL');
    await until(async () => {
      const [row] =
        await sql`select 1 from events where run_id = ${id} and type = 'turn.started' and (data->>'attempt')::int = 2`;
      return row !== undefined;
    });
    recoveries.push((performance.now() - killed) / 1000);
    await call(other, 'POST', `/v1/runs/${id}/cancel`, {});
    await other.stop();
  }
  const here = await startServerProcess(databaseUrl);
  const there = await startServerProcess(databaseUrl);
  const latencies: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < 150; round++) {
    const { body } = await call(here, 'POST', '/v1/runs', { mode: 'external', input: 'x' });
    const id = String(body['id']);
    const received = readEvents(there, id, 'note.logged');
    await call(there, 'GET', `/v1/runs/${id}`);
    const begun = performance.now();
    await sql`insert into bare (data) values ('x')`;
    const sent = performance.now();
    await call(here, 'POST', `/v1/runs/${id}/notes`, { type: 'n', summary: 's' });
    const committed = performance.now();
    const at = await received;
    if (round < 30) continue;
    bare.push(sent - begun);
    // The reply leaves after the commit, as the hint does: what counts is from the commit on, not before it.
    latencies.push(Math.max(0, at - committed));
  }
  await here.stop();
  await there.stop();
  const baseline = median(bare);
  return {
    recovery_other_process_s: {
      value: median(recoveries),
      unit: 's',
      baseline: 2,
      ratio: median(recoveries) / 2,
      note: 'kill -9 until another process has started the turn anew; median of 3; baseline: the bound',
    },
    append_to_receive_p50_ms: {
      value: quantile(latencies, 0.5),
      unit: 'ms',
      baseline,
      ratio: quantile(latencies, 0.5) / baseline,
      note: 'reply of the append at one process until the SSE reader of another has the event; baseline: bare commit',
    },
  };
}

async function head(sql: Session['sql'], runId: string): Promise<number> {
  const [row] = await sql<{ head: number }[]>`select head from run_state where run_id = ${runId}`;
  return row?.head ?? 0;
}
