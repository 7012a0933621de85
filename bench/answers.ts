import type { Session } from '../packages/server/src/store/session.ts';
import { call, readEvents, until, type BenchServer } from './http-world.ts';
import { quantile, type Figure } from './world.ts';

const ROUNDS = 150;
const WARM_UP = 30;
/** The bound of the issue, ms. */
const BOUND_MS = 10;

/** Answer by HTTP until the next event that a segment committed has reached a reader of the stream. */
export async function benchAnswers(server: BenchServer, { sql }: Session): Promise<Record<string, Figure>> {
  const latencies: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { runId, waitId, digest } = await waitingRun(server);
    const next = readEvents(server, runId, 'tool.started');
    const begun = performance.now();
    await sql`insert into bare (data) values ('x')`;
    const sent = performance.now();
    const answered = await call(server, 'POST', `/v1/waits/${waitId}/answer`, {
      decision: 'approve',
      digest,
    });
    const received = await next;
    if (answered.status !== 200) throw new Error(`the answer was refused: ${JSON.stringify(answered.body)}`);
    if (round < WARM_UP) continue;
    bare.push(sent - begun);
    latencies.push(received - sent);
  }
  const baseline = quantile(bare, 0.5);
  const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
  return {
    answer_http_p50_ms: {
      value: p50,
      unit: 'ms',
      baseline,
      ratio: p50 / baseline,
      note: `POST answer sent until the next committed event (tool.started) is received by SSE; bound ${BOUND_MS} ms; baseline: bare commit`,
    },
    answer_http_p99_ms: { value: p99, unit: 'ms', baseline, ratio: p99 / baseline },
  };
}

/** A run that waits for one approval: the answer has one call to make, at once. */
async function waitingRun(server: BenchServer): Promise<{ runId: string; waitId: string; digest: string }> {
  const { body } = await call(server, 'POST', '/v1/runs', {
    model: 'script/bench',
    script: [{ toolCalls: [{ tool: 'record_note', args: { text: 'x' } }] }, { text: 'done' }],
    tools: [{ type: 'builtin', name: 'record_note', approval: 'always' }],
    input: 'hello',
  });
  const runId = String(body['id']);
  await until(async () => (await call(server, 'GET', `/v1/runs/${runId}`)).body['status'] === 'waiting');
  const page = await call(server, 'GET', `/v1/waits?run=${runId}`);
  const [wait] = page.body['data'] as { id: string; digest: string }[];
  if (wait === undefined) throw new Error('the run waits for nothing');
  return { runId, waitId: wait.id, digest: wait.digest };
}
