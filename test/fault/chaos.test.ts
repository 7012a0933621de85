import { setTimeout as delay } from 'node:timers/promises';
import { isTerminal } from '@fermata/protocol';
import { expect, test } from 'vitest';
import type { Sql } from '../../packages/server/src/store/sql.ts';
import { testDatabase } from '../world/database.ts';
import { EffectTarget } from '../world/effects.ts';
import { eventually } from '../world/eventually.ts';
import { assertRunIsConsistent } from '../world/log-check.ts';
import { ServerProcess } from '../world/processes.ts';
import { seededRandom } from '../world/seeded-random.ts';
import { approvalRun, askRun, longRun, parallelRun, streamingRun } from './scripts.ts';
import { approve, statusOf } from './see-through.ts';

const PROCESSES = 3;
const CHAOS_MS = 25_000;

/** Random numbers that a seed repeats. */
function randomOf(seed: number): { below(limit: number): number; of<T>(items: readonly T[]): T } {
  const next = seededRandom(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    of(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error('nothing to choose from');
      return item;
    },
  };
}

/** One place for a server, in which another is started when one has ended. */
class Slot implements AsyncDisposable {
  server: ServerProcess;
  /** It can be asked: it is neither gone nor frozen. */
  isUp = true;
  readonly #env: Record<string, string>;

  constructor(server: ServerProcess, env: Record<string, string>) {
    this.server = server;
    this.#env = env;
  }

  async end(how: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const ended = this.server;
    this.isUp = how === 'SIGTERM';
    if (how === 'SIGKILL') await ended.kill();
    else expect((await ended.stop()).code).toBe(0);
    await ended[Symbol.asyncDispose]();
    this.isUp = false;
    this.server = await ServerProcess.start(this.#env);
    this.isUp = true;
  }

  async freeze(ms: number): Promise<void> {
    this.server.freeze();
    this.isUp = false;
    await delay(ms);
    this.server.thaw();
    this.isUp = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}

async function cutSessions(sql: Sql, count: number): Promise<void> {
  await sql`select pg_terminate_backend(pid) from (
    select pid from pg_stat_activity where datname = current_database() and application_name like 'fermata %'
      and application_name <> 'fermata test' order by random() limit ${count}) s`;
}

test('whatever befalls three processes, each run ends, its log is consistent, and nothing is done twice', async () => {
  const seed = Number(process.env['FERMATA_TEST_SEED'] ?? Date.now() % 1_000_000);
  console.log(`chaos with FERMATA_TEST_SEED=${seed}`);
  const random = randomOf(seed);
  await using database = await testDatabase();
  await using effects = await EffectTarget.start();
  effects.answerAfterMs = 120;
  const { sql, env } = database;
  const servers = await Promise.all(Array.from({ length: PROCESSES }, () => ServerProcess.start(env)));
  const slots = servers.map((server) => new Slot(server, env));
  const runIds: string[] = [];
  const until = performance.now() + CHAOS_MS;
  const isOver = (): boolean => performance.now() > until;
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);

  /** Faults, one after another in each slot, so that a slot is not killed while it starts. */
  async function torment(slot: Slot): Promise<void> {
    while (!isOver()) {
      await delay(500 + random.below(2_500));
      const fault = random.of([
        'kill',
        'kill',
        'kill',
        'stop',
        'freeze',
        'freeze',
        'long freeze',
        'cut',
        'cut',
      ] as const);
      count(fault);
      if (fault === 'kill') await slot.end('SIGKILL');
      else if (fault === 'stop') await slot.end('SIGTERM');
      else if (fault === 'freeze') await slot.freeze(200 + random.below(3_000));
      else if (fault === 'long freeze') await slot.freeze(12_500);
      else await cutSessions(sql, 1 + random.below(6));
    }
  }

  const bodies = [
    () => approvalRun(effects),
    () => approvalRun(effects, {}),
    () => askRun(effects),
    () => parallelRun(effects),
    () => parallelRun(effects, 'ask'),
    () => longRun(effects, 3 + random.below(4), random.below(600)),
    () => streamingRun(random.below(150)),
  ];

  /** A caller: starts, answers, pauses, resumes, sends messages, to any process; what fails is simply not done. */
  async function call(): Promise<void> {
    while (!isOver()) {
      await delay(random.below(250));
      const up = slots.filter((slot) => slot.isUp);
      if (up.length === 0) continue;
      const { api } = random.of(up).server;
      const runId = runIds.length === 0 ? null : random.of(runIds);
      try {
        const what = random.below(10);
        if (runId === null || what < 2)
          runIds.push((await api.start(random.of(bodies)(), { timeoutMs: 3_000 })).id);
        else if (what === 2) await api.request('POST', `/runs/${runId}/pause`, pauseBody());
        else if (what < 5) await api.request('POST', `/runs/${runId}/resume`, { body: {}, timeoutMs: 3_000 });
        else if (what === 5) await api.request('POST', `/runs/${runId}/messages`, messageBody());
        else
          for (const wait of await api.openWaits(runId))
            await api.answer(wait.id, approve(wait), { timeoutMs: 3_000 });
      } catch {
        count('a call without an answer');
      }
    }
  }

  function pauseBody(): { body: unknown; timeoutMs: number } {
    return { body: { at: random.of(['checkpoint', 'now']), reason: 'chaos' }, timeoutMs: 3_000 };
  }

  function messageBody(): { body: unknown; timeoutMs: number } {
    return {
      body: { content: 'And?', messageId: `m${random.below(1e9)}`, onWaiting: 'queue' },
      timeoutMs: 3_000,
    };
  }

  try {
    await Promise.all([...slots.map(torment), call(), call(), call()]);
    const started = (await sql<{ id: string }[]>`select id from runs`).map(({ id }) => id);
    expect(started, 'each start that was confirmed is there').toEqual(expect.arrayContaining(runIds));
    console.log(`${started.length} runs; ${JSON.stringify(Object.fromEntries(counts))}`);
    const { api } = slots[0]?.server ?? servers[0] ?? {};
    if (api === undefined) throw new Error('there is no server');
    for (const runId of started) {
      await eventually(
        async () => {
          const status = await statusOf(sql, runId);
          if (status !== null && isTerminal(status)) return true;
          if (status === 'paused') {
            for (const hold of (await api.run(runId)).holds)
              await api.ok('POST', `/runs/${runId}/resume`, { body: { hold: hold.name } });
          }
          if (status === 'waiting')
            for (const wait of await api.openWaits(runId)) await api.answer(wait.id, approve(wait));
          return null;
        },
        { what: `run ${runId} ends`, timeoutMs: 30_000, everyMs: 50 },
      );
      const events = await assertRunIsConsistent(sql, runId, effects);
      const end = events.findLast((event) => event.type === 'run.succeeded' || event.type === 'run.failed');
      // A message makes a script say more than it has.
      if (end?.type === 'run.failed') expect(end.data.error.message).toMatch(/the run has come to turn/);
    }
    // Whoever is in doubt is told that it is done, so nothing that must not be repeated is.
    for (const [key, times] of effects.byKey) {
      const asks = effects.requests.some((request) => request.key === key && /^\/(send)$/.test(request.path));
      if (asks) expect(times, key).toBe(1);
    }
  } finally {
    await Promise.all(slots.map((slot) => slot[Symbol.asyncDispose]()));
  }
});
