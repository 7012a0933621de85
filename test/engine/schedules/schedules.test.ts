import type { Schedule } from '@fermata/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createScheduleFires } from '../../../packages/server/src/store/schedule-fires.ts';
import { ScheduleLoop } from '../../../packages/server/src/driver/schedule-loop.ts';
import { createLogger } from '../../../packages/server/src/observe/log.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createSchedules } from '../../../packages/server/src/store/schedules.ts';
import { testWorld, type World } from '../../world/server.ts';

let world: World;
beforeAll(async () => {
  world = await testWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

// A later test's clock is years ahead: what an earlier one has left would be due.
afterEach(async () => {
  await world.database.sql`update schedules set next_fire_at = null, deleted_at = now()`;
});

/** What one process has of schedules, on a clock of the test's own. */
interface Process extends AsyncDisposable {
  loop: ScheduleLoop;
  schedules: ReturnType<typeof createSchedules>;
}

const NEVER_MS = 3_600_000;

function process(clock: () => number, start = world.servers[0]?.engine.runs.start): Process {
  const pool = new Pool(world.database.target, { part: 'test', size: 3 });
  const schedules = createSchedules(pool, clock);
  const engine = world.servers[0]?.engine;
  if (engine === undefined || start === undefined) throw new Error('no server');
  const logger = createLogger({ level: 'fatal', destination: { write: () => undefined } });
  const loop = new ScheduleLoop({
    schedules: createScheduleFires(pool, clock),
    runs: { start },
    agents: engine.agents,
    logger,
    everyMs: NEVER_MS,
  });
  return {
    loop,
    schedules,
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      await pool.close();
    },
  };
}

/** The server of the world must not fire what this test fires. */
async function createAt(one: Process, fields: Partial<Schedule>): Promise<string> {
  const caller = await world.servers[0]?.engine.identity.authenticate(world.api.key, 'native');
  if (caller === null || caller === undefined) throw new Error('no caller');
  const { schedule } = await one.schedules.create(caller, {
    name: 'test',
    description: '',
    cron: fields.cron ?? '0 * * * *',
    timezone: fields.timezone ?? 'UTC',
    missed: fields.missed ?? 'once',
    run: { input: 'tick', model: 'script/echo' },
    metadata: {},
    face: null,
  });
  return schedule.id;
}

async function firedAt(id: string): Promise<string[]> {
  const page = await world.api.call<{ data: { fireAt: string; runId: string | null }[] }>(
    'GET',
    `/v1/schedules/${id}/fires?limit=100`,
  );
  return page.data.map((fire) => fire.fireAt).toReversed();
}

// Far in the future, so that the world's own server, whose clock is the real one, finds nothing due.
const at = (time: string): number => Date.parse(time);

describe('schedules', () => {
  it('fire once in the night that has no 2:30, and once in the night that has two', async () => {
    let now = at('2090-03-25T12:00:00Z');
    await using one = process(() => now);
    const id = await createAt(one, { cron: '30 2 * * *', timezone: 'Europe/Berlin' });
    // Berlin goes to summer time on 26 March 2090, at 1:00 UTC.
    for (const day of ['2090-03-26', '2090-03-27']) {
      for (const hour of ['00:00', '00:29', '01:00', '01:30', '02:00', '12:00']) {
        now = at(`${day}T${hour}:00Z`);
        await one.loop.round();
      }
    }
    const spring = await firedAt(id);
    expect(spring).toHaveLength(2);
    expect(spring[0]).toMatch(/^2090-03-26T01:(00|30):00/);
    expect(spring[1]).toBe('2090-03-27T00:30:00.000Z');

    // And back on 29 October 2090, at 1:00 UTC.
    now = at('2090-10-28T12:00:00Z');
    const other = await createAt(one, { cron: '30 2 * * *', timezone: 'Europe/Berlin' });
    for (const hour of ['00:29', '00:30', '01:29', '01:30', '02:30', '12:00']) {
      now = at(`2090-10-29T${hour}:00Z`);
      await one.loop.round();
    }
    expect(await firedAt(other)).toHaveLength(1);
  });

  it('are fired once by processes that look at the same time', async () => {
    let now = at('2091-01-01T00:30:00Z');
    const clock = (): number => now;
    await using first = process(clock);
    await using second = process(clock);
    const ids = await Promise.all(Array.from({ length: 10 }, () => createAt(first, {})));
    for (let hour = 1; hour <= 3; hour++) {
      now = at(`2091-01-01T0${hour}:00:01Z`);
      await Promise.all([first.loop.round(), second.loop.round(), first.loop.round(), second.loop.round()]);
    }
    for (const id of ids) {
      expect(await firedAt(id)).toEqual([1, 2, 3].map((hour) => `2091-01-01T0${hour}:00:00.000Z`));
    }
    const [row] = await world.database.sql<{ count: number }[]>`
      select count(*)::int as count from runs where key like 'schedule:%:2091-01-01%' and origin = 'schedule'`;
    expect(row?.count).toBe(30);
  });

  it('are started by another process when the one that fired them died before', async () => {
    let now = at('2092-01-01T00:30:00Z');
    const clock = (): number => now;
    await using doomed = process(clock, () => Promise.reject(new Error('killed')));
    await using survivor = process(clock);
    const id = await createAt(doomed, {});
    now = at('2092-01-01T01:00:00Z');
    await doomed.loop.round().catch(() => undefined);
    expect(await firedAt(id)).toEqual(['2092-01-01T01:00:00.000Z']);
    await survivor.loop.round();
    const page = await world.api.call<{ data: { runId: string | null }[] }>(
      'GET',
      `/v1/schedules/${id}/fires`,
    );
    expect(page.data[0]?.runId).toEqual(expect.any(String));
    await survivor.loop.round();
    expect(await firedAt(id)).toHaveLength(1);
  });

  it('make up for missed times as they are told to', async () => {
    let now = at('2093-01-01T00:30:00Z');
    await using one = process(() => now);
    const ids = {
      skip: await createAt(one, { missed: 'skip' }),
      once: await createAt(one, { missed: 'once' }),
      all: await createAt(one, { missed: 'all' }),
    };
    now = at('2093-01-01T05:30:00Z');
    await one.loop.round();
    expect(await firedAt(ids.skip)).toEqual([]);
    expect(await firedAt(ids.once)).toEqual(['2093-01-01T05:00:00.000Z']);
    expect(await firedAt(ids.all)).toHaveLength(5);
    now = at('2093-01-01T06:00:00Z');
    await one.loop.round();
    for (const id of Object.values(ids)) expect((await firedAt(id)).at(-1)).toBe('2093-01-01T06:00:00.000Z');
  });

  it('do not fire while they are paused, and go on with the next time', async () => {
    let now = at('2094-01-01T00:30:00Z');
    await using one = process(() => now);
    const id = await createAt(one, {});
    const caller = await world.servers[0]?.engine.identity.authenticate(world.api.key, 'native');
    if (caller === null || caller === undefined) throw new Error('no caller');
    await one.schedules.pause(caller, id, 'holidays');
    now = at('2094-01-01T03:30:00Z');
    await one.loop.round();
    expect(await firedAt(id)).toEqual([]);
    const { schedule } = await one.schedules.resume(caller, id);
    expect(schedule.nextFireAt).toBe('2094-01-01T04:00:00.000Z');
  });

  it('tell why a run could not be started', async () => {
    let now = at('2095-01-01T00:30:00Z');
    await using one = process(() => now);
    const id = await createAt(one, {});
    await world.database.sql`
      update schedules set run = '{"agentId": "agent_gone"}' where name = 'test' and next_fire_at = '2095-01-01T01:00:00Z'`;
    now = at('2095-01-01T01:00:00Z');
    await one.loop.round();
    const page = await world.api.call<{ data: { error: string | null }[] }>(
      'GET',
      `/v1/schedules/${id}/fires`,
    );
    expect(page.data[0]?.error).toMatch(/^not_found: /);
  });
});
