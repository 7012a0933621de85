import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PresencePort } from '../../../packages/server/src/engine/ports.ts';
import { createPresence } from '../../../packages/server/src/store/executors.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createDatabase, type TestDatabase } from './database.ts';

let database: TestDatabase;
let pool: Pool;
let presence: PresencePort;
beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 4 });
  presence = createPresence(database.target, pool);
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => database.sql`delete from executors`);

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** Waits until the server has noticed that a session is gone. */
async function untilMissing(observer: string, executorId: string): Promise<void> {
  for (;;) {
    const { missing } = await presence.look(observer);
    if (missing.some((executor) => executor.executorId === executorId)) return;
  }
}

describe('presence', () => {
  it('shows who is alive, who is missing, and whether the looker itself is seen', async () => {
    const [a, b] = [randomUUID(), randomUUID()];
    await using here = await presence.register({ id: a, name: 'host:1' });
    const there = await presence.register({ id: b, name: 'host:2' });
    await here.ping(1000);
    const both = await presence.look(a);
    expect(both).toMatchObject({ ownLockSeen: true, missing: [] });
    expect(both.serverUpMs).toBeGreaterThan(0);
    expect([...both.alive].sort()).toEqual([a, b].sort());
    await there[Symbol.asyncDispose]();
    await untilMissing(a, b);
    expect(await presence.look(a)).toMatchObject({
      ownLockSeen: true,
      alive: [a],
      missing: [{ executorId: b, name: 'host:2' }],
    });
    expect((await presence.look(randomUUID())).ownLockSeen).toBe(false);
  });

  it('cannot declare a living process dead, but a missing one, once and for all', async () => {
    const id = randomUUID();
    const session = await presence.register({ id, name: 'p' });
    expect(await presence.declareDead(id)).toBe(false);
    await session[Symbol.asyncDispose]();
    await untilMissing(randomUUID(), id);
    expect(await Promise.all([1, 2, 3].map(() => presence.declareDead(id)))).toContain(true);
    expect(await presence.declareDead(id)).toBe(true);
    expect(await presence.reclaim(id)).toEqual({ outcome: 'dead' });
    expect(await presence.reclaim(randomUUID())).toEqual({ outcome: 'dead' });
    expect((await presence.look(randomUUID())).missing).toEqual([]);
  });

  it('aborts when the session is cut, and takes the same lock again', async () => {
    const id = randomUUID();
    const session = await presence.register({ id, name: 'p' });
    expect(await presence.reclaim(id)).toEqual({ outcome: 'taken' });
    await database.cutSessions('presence');
    await aborted(session.lost);
    await expect(session.ping(1000)).rejects.toMatchObject({ code: 'unavailable' });
    await untilMissing(randomUUID(), id);
    const again = await presence.reclaim(id);
    expect(again.outcome).toBe('held');
    if (again.outcome !== 'held') return;
    await again.session.ping(1000);
    expect(await presence.declareDead(id)).toBe(false);
    expect((await presence.look(id)).ownLockSeen).toBe(true);
    await again.session[Symbol.asyncDispose]();
  });

  it('ends a process that does not ping', async () => {
    const impatient = createPresence(database.target, pool, { idleLimitMs: 200 });
    const id = randomUUID();
    const session = await impatient.register({ id, name: 'frozen' });
    await aborted(session.lost);
    await untilMissing(randomUUID(), id);
  });

  it('lets one side win when a process comes back while it is declared dead', async () => {
    for (let round = 0; round < 20; round++) {
      const id = randomUUID();
      await (await presence.register({ id, name: 'p' }))[Symbol.asyncDispose]();
      await untilMissing(randomUUID(), id);
      const [dead, back] = await Promise.all([presence.declareDead(id), presence.reclaim(id)]);
      if (back.outcome === 'held') {
        expect(dead).toBe(false);
        await back.session[Symbol.asyncDispose]();
      } else {
        expect(dead || back.outcome === 'taken').toBe(true);
      }
    }
  });

  it('leaves in good order', async () => {
    const id = randomUUID();
    const session = await presence.register({ id, name: 'p' });
    await presence.setWorkerIds(id, ['worker-1']);
    await session.leave();
    expect(session.lost.aborted).toBe(false);
    expect(await presence.look(randomUUID())).toMatchObject({ missing: [], alive: [] });
    expect(await presence.unreleased()).toEqual([]);
  });

  it('keeps the worker ids of the dead until their locks are released', async () => {
    const id = randomUUID();
    const session = await presence.register({ id, name: 'p' });
    await presence.setWorkerIds(id, ['worker-1', 'worker-2']);
    expect(await presence.unreleased()).toEqual([]);
    await presence.released(id);
    await session[Symbol.asyncDispose]();
    await untilMissing(randomUUID(), id);
    await presence.declareDead(id);
    expect(await presence.unreleased()).toEqual([{ executorId: id, workerIds: ['worker-1', 'worker-2'] }]);
    await presence.released(id);
    expect(await presence.unreleased()).toEqual([]);
  });

  it('is not found when there is no server', async () => {
    const nowhere = createPresence({ ...database.target, port: 1 }, pool);
    await expect(nowhere.register({ id: randomUUID(), name: 'p' })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});
