import type { Job, Run, RunEvent } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase, type TestDatabase } from '../world/database.ts';
import { eventually } from '../world/eventually.ts';
import { ServerProcess } from '../world/processes.ts';

const RUNS = 120;
const LATER = '2090-01-01T00:00:00.000Z';

let database: TestDatabase;
let survivor: ServerProcess;
beforeAll(async () => {
  database = await testDatabase();
  survivor = await ServerProcess.start(database.env);
});
afterAll(async () => {
  await survivor[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function pausedRuns(batch: string): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < RUNS; n += 20) {
    const started = await Promise.all(
      Array.from({ length: 20 }, () =>
        survivor.api.start({ input: 'x', startAt: LATER, metadata: { batch } }),
      ),
    );
    ids.push(...started.map((run: Run) => run.id));
  }
  await Promise.all(ids.map((id) => survivor.api.ok('POST', `/runs/${id}/pause`, { body: {} })));
  return ids;
}

async function resumesOf(runIds: readonly string[]): Promise<number[]> {
  const rows = await database.sql<{ count: number }[]>`
    select (select count(*)::int from events e where e.run_id = id and e.type = 'hold.released') as count
    from unnest(${[...runIds]}::uuid[]) as id`;
  return rows.map(({ count }) => count);
}

/** The job is worked by the doomed process alone until it dies: the survivor is frozen meanwhile. */
async function killAt(point: string): Promise<void> {
  const batch = point;
  const runIds = await pausedRuns(batch);
  const job = await (async (): Promise<Job> => {
    await using doomed = await ServerProcess.start({ ...database.env, FERMATA_CRASH_AT: point });
    survivor.freeze();
    try {
      const body = { action: 'resume', filter: { metadata: { batch } }, ratePerSecond: 200 };
      const made = await doomed.api.ok<Job>('POST', '/jobs', { body });
      expect(made.total).toBe(RUNS);
      await eventually(() => !doomed.isRunning, { what: `the process dies at ${point}`, timeoutMs: 20_000 });
      expect(await doomed.exit).toEqual({ code: null, signal: 'SIGKILL' });
      return made;
    } finally {
      survivor.thaw();
    }
  })();
  const over = await eventually(
    async () => {
      const now = await survivor.api.ok<Job>('GET', `/jobs/${job.id}`);
      return now.finishedAt === null ? null : now;
    },
    { what: `the survivor ends the job (${survivor.output.slice(-2000)})` },
  );
  expect(over).toMatchObject({ status: 'succeeded', done: RUNS, changed: RUNS, skipped: 0, failed: 0 });
  expect(await resumesOf(runIds)).toEqual(runIds.map(() => 1));
}

describe('a process that is killed in the middle of a bulk job', () => {
  test('before a slice: another one goes on', () => killAt('before-bulk-slice:3'));

  test('after a slice has taken effect, before it is counted: nothing is done twice, all is counted', () =>
    killAt('before-bulk-settle:2'));
});

test('a process that stops in order hands its job over at once', async () => {
  const runIds = await pausedRuns('handed over');
  await using leaving = await ServerProcess.start(database.env);
  const body = { action: 'resume', filter: { metadata: { batch: 'handed over' } }, ratePerSecond: 30 };
  // The survivor stands still until the other one has the job.
  survivor.freeze();
  const job = await (async (): Promise<Job> => {
    try {
      const made = await leaving.api.ok<Job>('POST', '/jobs', { body });
      await eventually(async () => (await leaving.api.ok<Job>('GET', `/jobs/${made.id}`)).done > 10, {
        what: 'the job has begun',
      });
      return made;
    } finally {
      survivor.thaw();
    }
  })();
  const stopped = performance.now();
  expect(await leaving.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - stopped, 'a slow job keeps no process from stopping').toBeLessThan(10_000);
  const over = await eventually(
    async () => {
      const now = await survivor.api.ok<Job>('GET', `/jobs/${job.id}`);
      return now.finishedAt === null ? null : now;
    },
    { what: 'the survivor ends the job' },
  );
  expect(over).toMatchObject({ status: 'succeeded', done: RUNS, changed: RUNS });
  expect(await resumesOf(runIds)).toEqual(runIds.map(() => 1));
});

test('a job that was resumed once does not resume again what was paused since, whatever is repeated', async () => {
  const runIds = await pausedRuns('again');
  const body = { action: 'resume', ids: runIds.slice(0, 3) };
  const job = await survivor.api.ok<Job>('POST', '/jobs', { body });
  await eventually(async () => (await survivor.api.ok<Job>('GET', `/jobs/${job.id}`)).finishedAt, {
    what: 'the job ends',
  });
  const [first = ''] = runIds;
  await survivor.api.ok('POST', `/runs/${first}/pause`, { body: {} });
  // As after a crash between the last slice and its count.
  await database.sql`update job_items set outcome = null where job_id = ${job.id}`;
  await database.sql`update jobs set status = 'running', changed = 0, finished_at = null where id = ${job.id}`;
  await database.sql`select graphile_worker.add_job('bulk', ${JSON.stringify({ jobId: job.id })}::json,
    flags => array['background'])`;
  const over = await eventually(
    async () => {
      const now = await survivor.api.ok<Job>('GET', `/jobs/${job.id}`);
      return now.finishedAt === null ? null : now;
    },
    { what: 'the job ends again' },
  );
  expect(over).toMatchObject({ changed: 3, done: 3 });
  const run = await survivor.api.run(first);
  expect(run.status).toBe('paused');
  const events: RunEvent[] = await survivor.api.events(first);
  expect(events.filter((event) => event.type === 'hold.released')).toHaveLength(1);
});
