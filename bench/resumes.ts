import type { Session } from '../packages/server/src/store/session.ts';
import { call, readEvents, until, type BenchServer } from './http-world.ts';
import { quantile, type Figure } from './world.ts';

const ROUNDS = 150;
const WARM_UP = 30;

/** Resume by HTTP until the next event that a segment committed has reached a reader of the stream. */
export async function benchResumes(server: BenchServer, { sql }: Session): Promise<Record<string, Figure>> {
  const latencies: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const id = await pausedRun(server);
    const next = readEvents(server, id, 'tool.started');
    const begun = performance.now();
    await sql`insert into bare (data) values ('x')`;
    const sent = performance.now();
    await call(server, 'POST', `/v1/runs/${id}/resume`, {});
    const received = await next;
    if (round < WARM_UP) continue;
    bare.push(sent - begun);
    latencies.push(received - sent);
  }
  const baseline = quantile(bare, 0.5);
  const p50 = quantile(latencies, 0.5);
  const p99 = quantile(latencies, 0.99);
  return {
    resume_http_p50_ms: {
      value: p50,
      unit: 'ms',
      baseline,
      ratio: p50 / baseline,
      note: 'POST resume sent until the next committed event (tool.started) is received by SSE; baseline: bare commit',
    },
    resume_http_p99_ms: { value: p99, unit: 'ms', baseline, ratio: p99 / baseline },
    resume_1000_ms: await thousandResumes(server, sql, baseline),
  };
}

async function thousandResumes(server: BenchServer, sql: Session['sql'], bareMs: number): Promise<Figure> {
  const ids: string[] = [];
  for (let count = 0; count < 1000; count += 50) {
    ids.push(...(await Promise.all(Array.from({ length: 50 }, () => pausedRun(server)))));
  }
  const started = performance.now();
  const replies = Promise.all(ids.map((id) => call(server, 'POST', `/v1/runs/${id}/resume`, {})));
  await until(async () => {
    const [row] = await sql<{ driven: number }[]>`
      select count(distinct run_id)::int as driven from events
      where run_id = any(${ids}::uuid[]) and type = 'tool.started'`;
    return row?.driven === ids.length;
  });
  const value = performance.now() - started;
  await replies;
  return {
    value,
    unit: 'ms',
    baseline: 1000 * bareMs,
    ratio: value / (1000 * bareMs),
    note: '1,000 resumes at once by HTTP until every run has committed a step; baseline: 1,000 bare commits in a row',
  };
}

/** A run that is paused with an approved call to make: its resume has one thing to do, at once. */
async function pausedRun(server: BenchServer): Promise<string> {
  const { body } = await call(server, 'POST', '/v1/runs', {
    model: 'script/bench',
    script: [{ toolCalls: [{ tool: 'record_note', args: { text: 'x' } }] }, { text: 'done' }],
    tools: [{ type: 'builtin', name: 'record_note', approval: 'always' }],
    input: 'hello',
  });
  const id = String(body['id']);
  await until(async () => (await call(server, 'GET', `/v1/runs/${id}`)).body['status'] === 'waiting');
  await call(server, 'POST', `/v1/runs/${id}/pause`, {});
  const waits = (await call(server, 'GET', `/v1/waits?run=${id}`)).body['data'] as {
    id: string;
    digest: string;
  }[];
  for (const { id: waitId, digest } of waits) {
    const answered = await call(server, 'POST', `/v1/waits/${waitId}/answer`, {
      decision: 'approve',
      digest,
    });
    if (answered.status !== 200)
      throw new Error(`the call could not be approved: ${JSON.stringify(answered.body)}`);
  }
  return id;
}
