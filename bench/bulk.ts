import type { Session } from '../packages/server/src/store/session.ts';
import { call, until, type BenchServer } from './http-world.ts';
import type { Figure } from './world.ts';

const RUNS = 10_000;
const RATE = 500;

/** Resumes 10,000 paused runs as one job, at a rate. */
export async function benchBulk(server: BenchServer, { sql }: Session): Promise<Record<string, Figure>> {
  // Queued for later: what is measured is the job, not the driving of what it resumes.
  for (let n = 0; n < RUNS; n += 200) {
    await Promise.all(
      Array.from({ length: 200 }, () =>
        call(server, 'POST', '/v1/runs', {
          input: 'x',
          startAt: '2090-01-01T00:00:00Z',
          metadata: { batch: 'bulk' },
        }),
      ),
    );
  }
  const filter = { metadata: { batch: 'bulk' } };
  const pauseMs = await timed(server, { action: 'pause', filter });
  const seconds = (await timed(server, { action: 'resume', filter, ratePerSecond: RATE })) / 1000;
  const [row] = await sql<{ seconds: number; resumed: number }[]>`
    select extract(epoch from max(e.at) - min(e.at))::float8 as seconds, count(*)::int as resumed
    from events e join runs r on r.id = e.run_id
    where e.type = 'run.resumed' and r.metadata @> '{"batch": "bulk"}'`;
  if (row?.resumed !== RUNS) throw new Error(`${row?.resumed ?? 0} runs were resumed`);
  const rate = RUNS / row.seconds;
  return {
    bulk_resume_10000_rate_error: {
      value: Math.abs(rate - RATE) / RATE,
      unit: '',
      baseline: RATE,
      ratio: rate / RATE,
      note: `share by which ${rate.toFixed(1)} commands/s are off the ${RATE} that were asked for; ${seconds.toFixed(1)} s by HTTP`,
    },
    bulk_pause_10000_ms: {
      value: pauseMs,
      unit: 'ms',
      baseline: RUNS,
      ratio: pauseMs / RUNS,
      note: 'the same without a rate, from POST to the end; beside: one ms a run',
    },
  };
}

async function timed(server: BenchServer, body: object): Promise<number> {
  const started = performance.now();
  const { body: job } = await call(server, 'POST', '/v1/jobs', body);
  let now = job;
  await until(async () => {
    now = (await call(server, 'GET', `/v1/jobs/${String(job['id'])}`)).body;
    return now['finishedAt'] !== null;
  }, 120_000);
  if (now['changed'] !== RUNS) throw new Error(`the job ended as ${JSON.stringify(now)}`);
  return performance.now() - started;
}
