import { call, readStream, startServerProcess } from './http-world.ts';
import type { Figure } from './world.ts';
import type { Session } from '../packages/server/src/store/session.ts';

const EVENTS = 100_000;

/** A log of 100,000 events replayed by SSE from seq 1, beside reading the same rows with one bare SELECT. */
export async function benchReplay(databaseUrl: string, { sql }: Session): Promise<Record<string, Figure>> {
  const server = await startServerProcess(databaseUrl);
  const { body } = await call(server, 'POST', '/v1/runs', { mode: 'external', input: 'x' });
  const id = String(body['id']);
  await call(server, 'POST', `/v1/runs/${id}/notes`, { type: 'step', summary: 'x'.repeat(100) });
  await sql`
    insert into events (run_id, seq, type, at, v, data)
    select run_id, seq + i, type, at, v, data from events, generate_series(1, ${EVENTS - 2}::int) i
    where run_id = ${id} and seq = 2`;
  await sql`
    update run_state set head = ${EVENTS}, state = (jsonb_set(state::jsonb, '{head}', to_jsonb(${EVENTS}::int)))::json
    where run_id = ${id}`;
  const bareStarted = performance.now();
  await sql`select seq, type, at, v, data from events where run_id = ${id} order by seq`;
  const baseline = EVENTS / ((performance.now() - bareStarted) / 1000);
  await replay(server.url, id);
  const seconds = await replay(server.url, id);
  await server.stop();
  const value = EVENTS / seconds;
  return {
    replay_events_per_s: {
      value,
      unit: '1/s',
      baseline,
      ratio: value / baseline,
      note: 'SSE from seq 1 to 100,000; baseline: one SELECT of the same rows by the same driver',
    },
  };
}

async function replay(url: string, id: string): Promise<number> {
  const last = Buffer.from(`id: ${EVENTS}\n`);
  const started = performance.now();
  let tail = Buffer.alloc(0);
  const ended = await readStream(url, id, (chunk) => {
    tail = Buffer.concat([tail.subarray(-32), chunk]);
    return tail.includes(last);
  });
  return (ended - started) / 1000;
}
