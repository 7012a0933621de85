import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEvent } from '@fermata/protocol';
import { describe, expect, test } from 'vitest';
import { SUPERUSER } from '../../packages/server/src/postgres/cluster.ts';
import { EmbeddedPostgres } from '../../packages/server/src/postgres/embedded.ts';
import { findPlacement } from '../../packages/server/src/postgres/placement.ts';
import { isProcessAlive, readPostmasterFile } from '../../packages/server/src/postgres/postmaster-file.ts';
import { Session } from '../../packages/server/src/store/session.ts';
import { EffectTarget } from '../world/effects.ts';
import { eventually } from '../world/eventually.ts';
import { assertRunIsConsistent } from '../world/log-check.ts';
import { ServerProcess } from '../world/processes.ts';
import { makeScratchFolder } from '../world/scratch-folder.ts';
import { approvalRun, longRun, streamingRun } from './scripts.ts';
import { seeThrough } from './see-through.ts';

interface Load {
  /** How often each status was answered; 0: no answer. */
  statuses: Map<number, number>;
  stop(): Promise<void>;
}

/** Reads and starts runs without a pause, at every server, and counts the answers. */
function loadOn(servers: readonly ServerProcess[]): Load {
  const statuses = new Map<number, number>();
  let isOver = false;
  const callers = [...servers, ...servers].flatMap((server) => [
    (): Promise<{ status: number }> => server.api.request('GET', '/runs?limit=5'),
    (): Promise<{ status: number }> => server.api.request('POST', '/runs', { body: { input: 'hello' } }),
  ]);
  const done = Promise.all(
    callers.map(async (call) => {
      while (!isOver) {
        const status = await call().then(
          (reply) => reply.status,
          () => 0,
        );
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        await delay(20);
      }
    }),
  );
  return {
    statuses,
    async stop() {
      isOver = true;
      await done;
    },
  };
}

/** Follows a run to its end as a client does: whenever the stream is cut, it goes on after what it has. */
async function followTo(server: ServerProcess, runId: string): Promise<RunEvent[]> {
  const seen: RunEvent[] = [];
  for (;;) {
    const after = seen.at(-1)?.seq ?? 0;
    const reader = await eventually(() => server.api.watch(runId, { after, until: 'finished' }), {
      what: 'the stream is opened',
    });
    const end = await reader.ended;
    seen.push(...reader.events);
    if (end.kind === 'ended') return seen;
  }
}

describe.concurrent('PostgreSQL is killed', () => {
  test('again and again under load, with two processes on it: 503 meanwhile, nothing is adopted, all runs end', async () => {
    const dataDir = await makeScratchFolder('killed');
    await using effects = await EffectTarget.start();
    await using embedded = await EmbeddedPostgres.start({ dataDir });
    const { host, port, user, database } = embedded.connection;
    const DATABASE_URL = `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`;
    await using one = await ServerProcess.start({ DATABASE_URL });
    await using two = await ServerProcess.start({ DATABASE_URL });
    const parked = await one.api.start(approvalRun(effects));
    const runs = await Promise.all([
      ...[one, two].flatMap((server) => [
        server.api.start(longRun(effects, 20, 200)),
        server.api.start(longRun(effects, 6, 500)),
        server.api.start(streamingRun(300)),
      ]),
    ]);
    const load = loadOn([one, two]);
    const [watched] = runs;
    if (watched === undefined) throw new Error('there is no run');
    const seen = followTo(two, watched.id);
    await effects.requested(4);
    for (let kills = 1; kills <= 3; kills += 1) {
      const refusedBefore = load.statuses.get(503) ?? 0;
      process.kill(embedded.pid, 'SIGKILL');
      await eventually(() => !embedded.isUp && (load.statuses.get(503) ?? 0) > refusedBefore, {
        what: 'the database is down, and callers are told',
      });
      await eventually(() => embedded.isUp, { what: 'the database is up again' });
      const upAt = performance.now();
      await Promise.all([one.ready(), two.ready()]);
      const before = effects.requests.length;
      await eventually(() => effects.requests.length > before + 2, { what: 'the runs are driven on' });
      console.log(`driven again ${Math.round(performance.now() - upAt)} ms after PostgreSQL was back`);
    }
    await load.stop();
    expect([one.isRunning, two.isRunning]).toEqual([true, true]);
    await using session = await Session.open(embedded.connection, { part: 'test' });
    const { sql } = session;
    for (const run of [...runs, parked]) {
      const events = await seeThrough(sql, one, run.id, { effects });
      expect(events.filter((event) => event.type === 'segment.lost').length, 'nothing is adopted').toBe(0);
    }
    expect(await seen, 'a reader sees every event once').toEqual(await two.api.events(watched.id));
    const [row] = await sql<{ dead: number }[]>`
      select (select count(*) from executors where dead_at is not null) as dead`;
    expect(row?.dead).toBe(0);
    await eventually(
      async () => (await sql`select from run_state where status <> 'succeeded'`).length === 0,
      { what: 'the runs of the load have ended too' },
    );
    const started = await sql<{ id: string }[]>`select id from runs`;
    for (const { id } of started) await assertRunIsConsistent(sql, id, effects);
    console.log(`answers under load: ${JSON.stringify(Object.fromEntries(load.statuses))}`);
    const failed = [one, two].flatMap((server) => server.log.filter((line) => line['status'] === 500));
    expect(failed).toEqual([]);
    expect([...load.statuses.keys()].sort()).toEqual([200, 201, 503]);
    expect(started.length, 'each start that was confirmed is there').toBeGreaterThanOrEqual(
      (load.statuses.get(201) ?? 0) + runs.length + 1,
    );
    for (const server of [one, two]) expect(await server.stop()).toEqual({ code: 0, signal: null });
    await rm(dataDir, { recursive: true, force: true });
  });

  test('under the server that has started it, and then that server: both come back, and the run ends', async () => {
    const dataDir = await makeScratchFolder('embedded');
    await using effects = await EffectTarget.start();
    await using postmaster = await postmasterOf(dataDir);
    const env = { FERMATA_DATA_DIR: dataDir };
    await using first = await ServerProcess.start(env);
    const run = await first.api.start(longRun(effects, 10, 300));
    await effects.requested(2);

    const pid = await postmaster.pid();
    process.kill(pid, 'SIGKILL');
    const killedAt = performance.now();
    await eventually(async () => (await fetch(`${first.url}/readyz`)).status === 503, {
      what: 'the server says that it is not ready',
      everyMs: 5,
    });
    await first.ready();
    console.log(
      `the embedded PostgreSQL was back ${Math.round(performance.now() - killedAt)} ms after its kill`,
    );
    await effects.requested(effects.requests.length + 1);

    // Its PostgreSQL outlives it, and the next server takes it over.
    await first.kill();
    const orphan = await postmaster.pid();
    expect(orphan).not.toBe(pid);
    expect(isProcessAlive(orphan)).toBe(true);
    const diedAt = performance.now();
    await using second = await ServerProcess.start(env);
    const readyMs = performance.now() - diedAt;
    expect(await postmaster.pid()).toBe(orphan);
    await effects.requested(effects.requests.length + 1);
    const drivenMs = performance.now() - diedAt;
    console.log(
      `after kill -9 and a restart: ready in ${readyMs.toFixed(0)} ms, the run driven again in ${drivenMs.toFixed(0)} ms`,
    );
    {
      await using session = await postmaster.session();
      const events = await seeThrough(session.sql, second, run.id, { effects });
      expect(events.filter((event) => event.type === 'segment.lost').length).toBe(1);
    }
    expect(await second.stop()).toEqual({ code: 0, signal: null });
    expect(isProcessAlive(orphan)).toBe(false);
  });
});

interface Postmaster extends AsyncDisposable {
  pid(): Promise<number>;
  session(): Promise<Session>;
}

/** The PostgreSQL that a server has started in its data directory. Disposing kills it, should it still be there. */
async function postmasterOf(dataDir: string): Promise<Postmaster> {
  const { home } = await findPlacement(dataDir);
  const read = (): ReturnType<typeof readPostmasterFile> => readPostmasterFile(join(home, 'postgres'));
  return {
    pid: async () => (await read())?.pid ?? 0,
    async session() {
      const file = await read();
      if (file === null) throw new Error('PostgreSQL does not run');
      const { socketDir: host, port } = file;
      return await Session.open({ host, port, user: SUPERUSER, database: 'fermata' }, { part: 'test' });
    },
    async [Symbol.asyncDispose]() {
      const pid = (await read())?.pid;
      if (pid !== undefined && isProcessAlive(pid)) process.kill(pid, 'SIGKILL');
      await rm(home, { recursive: true, force: true });
    },
  };
}
