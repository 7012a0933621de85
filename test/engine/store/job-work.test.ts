import { randomUUID } from 'node:crypto';
import type { Job, Run } from '@fermata/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../packages/server/src/engine/caller.ts';
import type { JobSlice, JobWork, JobsFacade } from '../../../packages/server/src/engine/facade-jobs.ts';
import { createJobWork } from '../../../packages/server/src/store/job-work.ts';
import { createJobs } from '../../../packages/server/src/store/jobs.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { ACTOR, insertOrganization, insertRun } from './rows.ts';

const CALLER: Caller = {
  organizationId: 1,
  principalId: 'p1',
  keyId: 'key_1',
  role: 'operator',
  actor: ACTOR,
  via: 'native',
};
const NOTHING = { changed: [], skipped: [], failed: [] };

let database: TestDatabase;
let pool: Pool;
let jobs: JobsFacade;
let work: JobWork;
let asked: string[];
let runIds: Run['id'][];

beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 8 });
  await insertOrganization(database.sql, 1);
  work = createJobWork(pool);
  jobs = createJobs(pool, (jobId) => {
    asked.push(jobId);
    return null;
  });
  runIds = [];
  for (let n = 0; n < 60; n++) runIds.push((await insertRun(database.sql)).id);
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => {
  asked = [];
});

function create(more: { ratePerSecond?: number } = {}): Promise<Job> {
  return jobs.create(CALLER, { action: 'pause', ids: runIds, ...more });
}

function positions(slice: JobSlice): number[] {
  return slice.kind === 'items' ? slice.items.map((item) => item.position) : [];
}

describe('the work on a bulk job', () => {
  it('is asked for in the transaction that makes the job, once, and not for no runs', async () => {
    const job = await create();
    expect(asked).toEqual([job.id]);
    await jobs.create(CALLER, { action: 'pause', filter: { key: 'nothing' } });
    expect(asked).toEqual([job.id]);
    const failing = createJobs(pool, () => ({ text: 'select 1 / $1::int', values: ['0'] }));
    const before = (await jobs.list(CALLER, {})).data.length;
    await expect(failing.create(CALLER, { action: 'pause', ids: runIds })).rejects.toThrow();
    expect((await jobs.list(CALLER, {})).data.length).toBe(before);
  });

  it('is taken slice by slice, and again until it is settled', async () => {
    const { id } = await create();
    const worker = randomUUID();
    await work.begin(id, worker);
    const first = positions(await work.take(id, worker, 25));
    expect(first).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    expect(positions(await work.take(id, worker, 25))).toEqual(first);
    await work.settle(id, worker, { ...NOTHING, changed: first.slice(0, 20), skipped: first.slice(20) });
    expect(await jobs.get(CALLER, id)).toMatchObject({
      status: 'running',
      changed: 20,
      skipped: 5,
      done: 25,
    });
    const rest = positions(await work.take(id, worker, 100));
    expect(rest).toHaveLength(35);
    await work.settle(id, worker, { ...NOTHING, changed: rest });
    expect(await jobs.get(CALLER, id)).toMatchObject({ status: 'succeeded', done: 60 });
    expect(await work.take(id, worker, 1)).toEqual({ kind: 'over' });
  });

  it('belongs to whoever began last: what an earlier worker still does is not counted', async () => {
    const { id } = await create();
    const [lost, alive] = [randomUUID(), randomUUID()];
    await work.begin(id, lost);
    const taken = positions(await work.take(id, lost, 10));
    await work.begin(id, alive);
    await work.settle(id, lost, { ...NOTHING, changed: taken });
    expect((await jobs.get(CALLER, id)).done).toBe(0);
    expect(await work.take(id, lost, 10)).toEqual({ kind: 'over' });
    expect(positions(await work.take(id, alive, 10))).toEqual(taken);
  });

  it('is counted although the job was cancelled meanwhile, and then no more is taken', async () => {
    const { id } = await create();
    const worker = randomUUID();
    await work.begin(id, worker);
    const taken = positions(await work.take(id, worker, 10));
    await jobs.cancel(CALLER, id);
    await work.settle(id, worker, { ...NOTHING, changed: taken });
    expect(await jobs.get(CALLER, id)).toMatchObject({ status: 'cancelled', done: 10 });
    expect(await work.take(id, worker, 10)).toEqual({ kind: 'over' });
    await work.begin(id, randomUUID());
    expect((await jobs.get(CALLER, id)).status).toBe('cancelled');
  });

  it('keeps its rate over all workers, however they take turns', async () => {
    const rate = 40;
    const { id } = await create({ ratePerSecond: rate });
    const started = performance.now();
    const seen: { at: number; count: number }[] = [];
    async function go(): Promise<void> {
      const worker = randomUUID();
      await work.begin(id, worker);
      for (;;) {
        const slice = await work.take(id, worker, 100);
        if (slice.kind === 'over') return;
        if (slice.kind === 'wait') {
          // The other takes over: the bucket is the job's, not the worker's.
          await new Promise((resolve) => setTimeout(resolve, slice.ms));
          await work.begin(id, worker);
          continue;
        }
        const taken = positions(slice);
        seen.push({ at: performance.now() - started, count: taken.length });
        await work.settle(id, worker, { ...NOTHING, changed: taken });
      }
    }
    while ((await jobs.get(CALLER, id)).finishedAt === null) await Promise.all([go(), go()]);
    let sum = 0;
    for (const { at, count } of seen) {
      sum += count;
      expect(sum).toBeLessThanOrEqual(1 + rate * (at / 1000) + 1);
    }
    // What a taken-over worker had taken has cost tokens too: so it may only be less.
    expect(await jobs.get(CALLER, id)).toMatchObject({ status: 'succeeded', changed: 60 });
  });
});
