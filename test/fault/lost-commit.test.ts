import { randomUUID } from 'node:crypto';
import type { ChangedReply, Wait } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DatabaseProxy } from '../world/database-proxy.ts';
import { testDatabase, type TestDatabase } from '../world/database.ts';
import { EffectTarget } from '../world/effects.ts';
import { eventually } from '../world/eventually.ts';
import { ServerProcess } from '../world/processes.ts';
import { approvalRun, longRun, streamingRun } from './scripts.ts';
import { reaches, seeThrough, statusOf } from './see-through.ts';

const COMMITTER = 'committer fast';

let database: TestDatabase;
let proxy: DatabaseProxy;
let effects: EffectTarget;
let server: ServerProcess;

beforeAll(async () => {
  database = await testDatabase();
  proxy = await DatabaseProxy.start();
  effects = await EffectTarget.start();
  server = await ServerProcess.start(proxy.envOf(database));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await effects[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function openApproval(): Promise<{ runId: string; wait: Wait }> {
  const run = await server.api.start(approvalRun(effects));
  await reaches(database.sql, run.id, 'waiting');
  const [wait] = await server.api.openWaits(run.id);
  if (wait === undefined) throw new Error('there is no open wait');
  return { runId: run.id, wait };
}

describe('the connection of the committer is cut', () => {
  test('after COMMIT was carried out: the caller is told that it was', async () => {
    const { runId, wait } = await openApproval();
    const cut = proxy.cutNext({ part: COMMITTER, at: 'commit_reply' });
    const reply = await server.api.answer(wait.id, { decision: 'approve', digest: wait.digest });
    await cut;
    expect(reply.changed).toBe(true);
    const events = await seeThrough(database.sql, server, runId, { effects });
    expect(events.filter((event) => event.type === 'wait.resolved').length).toBe(1);
    expect(effects.of(runId).length).toBe(1);
  });

  test('before the writes arrive: the command is decided anew, and the caller sees nothing of it', async () => {
    const { runId, wait } = await openApproval();
    // A new session sends the text of its statements, by which the proxy knows them.
    proxy.cutAll(COMMITTER);
    const cut = proxy.cutNext({ part: COMMITTER, at: 'statement', text: 'insert into events' });
    const reply = await server.api.answer(wait.id, { decision: 'approve', digest: wait.digest });
    await cut;
    expect(reply.changed).toBe(true);
    await seeThrough(database.sql, server, runId, { effects });
    expect(effects.of(runId).length).toBe(1);
  });

  test('and the database stays away: 503, and the same request later is answered from what was kept', async () => {
    const { runId, wait } = await openApproval();
    const body = { decision: 'approve', digest: wait.digest };
    const idempotencyKey = randomUUID();
    const cut = proxy.cutNext({ part: COMMITTER, at: 'commit_reply' }).then(() => {
      proxy.isRefusing = true;
    });
    const path = `/waits/${wait.id}/answer`;
    const lost = await server.api.request('POST', path, { body, idempotencyKey });
    await cut;
    expect([lost.status, (lost.body as { code: string }).code]).toEqual([503, 'unavailable']);
    expect(lost.headers.get('retry-after')).not.toBeNull();
    proxy.isRefusing = false;
    const again = await eventually(
      async () => {
        const reply = await server.api.request<ChangedReply>('POST', path, { body, idempotencyKey });
        return reply.status === 503 ? null : reply;
      },
      { what: 'the request is answered when it is repeated' },
    );
    expect([again.status, (again.body as ChangedReply).changed]).toEqual([200, true]);
    const events = await seeThrough(database.sql, server, runId, { effects });
    expect(events.filter((event) => event.type === 'wait.resolved').length).toBe(1);
    expect(effects.of(runId).length).toBe(1);
  });

  test('again and again while it drives: each step is committed once', async () => {
    const runs = await Promise.all(
      [longRun(effects, 5, 100), longRun(effects, 5, 130), streamingRun(60)].map((body) =>
        server.api.start(body),
      ),
    );
    let cuts = 0;
    const areOver = async (): Promise<boolean> =>
      (await Promise.all(runs.map((run) => statusOf(database.sql, run.id)))).every((s) => s === 'succeeded');
    while (!(await areOver())) {
      const cut = proxy.cutNext({ part: COMMITTER, at: 'commit_reply' }).then(() => 'cut');
      cuts += (await Promise.race([cut, eventually(areOver, { what: 'the runs end' })])) === 'cut' ? 1 : 0;
    }
    console.log(`the reply to COMMIT was swallowed ${cuts} times in three runs`);
    expect(cuts).toBeGreaterThan(5);
    for (const run of runs) {
      const events = await seeThrough(database.sql, server, run.id, { effects });
      const starts = events.filter((event) => event.type === 'turn.started' && event.data.attempt > 1);
      expect(starts.length, 'no turn is done twice').toBe(0);
      for (const [key, times] of effects.byKey) if (key.startsWith(run.id)) expect(times).toBe(1);
    }
  });

  test('with all others of the process, again and again: it goes on', async () => {
    const runs = await Promise.all(
      [longRun(effects, 6, 200), streamingRun(100)].map((body) => server.api.start(body)),
    );
    const areOver = async (): Promise<boolean> =>
      (await Promise.all(runs.map((run) => statusOf(database.sql, run.id)))).every((s) => s === 'succeeded');
    const heads = async (): Promise<number> => {
      const [row] = await database.sql<{ sum: number }[]>`
        select sum(head)::bigint as sum from run_state where run_id = any(${runs.map((run) => run.id)}::uuid[])`;
      return row?.sum ?? 0;
    };
    for (let cuts = 0; cuts < 4; cuts += 1) {
      const before = await heads();
      expect(proxy.cutAll()).toBeGreaterThan(2);
      await eventually(async () => (await heads()) > before + 1, { what: 'the runs go on' });
    }
    await eventually(areOver, { what: 'the runs end' });
    for (const run of runs) await seeThrough(database.sql, server, run.id, { effects });
  });

  test('and an unreachable database is 503 until it is back, and then the runs go on', async () => {
    const run = await server.api.start(longRun(effects, 4, 200));
    await reaches(database.sql, run.id, 'running');
    proxy.isRefusing = true;
    proxy.cutAll();
    const [started, read, ready] = await Promise.all([
      server.api.request('POST', '/runs', { body: { input: 'hello' } }),
      server.api.request('GET', `/runs/${run.id}`),
      fetch(`${server.url}/readyz`),
    ]);
    expect([started.status, read.status, ready.status]).toEqual([503, 503, 503]);
    for (const { body } of [started, read]) {
      expect(body).toMatchObject({ code: 'unavailable', retryable: true });
      expect(JSON.stringify(body)).not.toMatch(/ECONN|postgres|127\.0\.0\.1|at \w+ \(/);
    }
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    proxy.isRefusing = false;
    const backAt = performance.now();
    await server.ready();
    await seeThrough(database.sql, server, run.id, { effects });
    console.log(`after the database was back, the run ended in ${Math.round(performance.now() - backAt)} ms`);
  });
});

describe('a server that is asked to stop while its database is unreachable', () => {
  test('ends all the same, and what it drove is driven on by the next', async () => {
    await using leaving = await ServerProcess.start({ ...proxy.envOf(database), FERMATA_DRAIN_MS: '1000' });
    const run = await leaving.api.start(longRun(effects, 6, 200));
    await effects.requested(1, run.id);
    proxy.isRefusing = true;
    proxy.cutAll();
    const askedAt = performance.now();
    const exit = await leaving.stop();
    console.log(`stopped without a database in ${Math.round(performance.now() - askedAt)} ms`);
    proxy.isRefusing = false;
    expect(exit).toEqual({ code: 0, signal: null });
    expect(performance.now() - askedAt).toBeLessThan(30_000);
    await seeThrough(database.sql, server, run.id, { effects });
  });
});
