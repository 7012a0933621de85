import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../../packages/server/src/engine/errors.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { Session } from '../../../packages/server/src/store/session.ts';
import { isConnectionError } from '../../../packages/server/src/store/sql.ts';
import { createDatabase, type TestDatabase } from './database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  await database.sql`create table marks (name text)`;
});
afterAll(() => database[Symbol.asyncDispose]());

function open(part: string): Promise<Session> {
  return Session.open(database.target, { part });
}

/** The error of a promise that must reject. */
async function failure(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

describe('a session', () => {
  it('gives times as RFC 3339 with milliseconds, bigints as numbers, json parsed', async () => {
    await using session = await open('types');
    const [row] = await session.sql`select '2026-01-02 03:04:05.6789+02'::timestamptz as a,
      '2026-01-02 03:04:05+00'::timestamptz as b, 'infinity'::timestamptz as c, 9007199254740991::bigint as d,
      '{"x":[1]}'::json as e, '"s"'::jsonb as f, array['2026-01-02T00:00:00Z']::timestamptz[] as g`;
    expect(row).toEqual({
      a: '2026-01-02T01:04:05.678Z',
      b: '2026-01-02T03:04:05.000Z',
      c: 'infinity',
      d: 9007199254740991,
      e: { x: [1] },
      f: 's',
      g: ['2026-01-02T00:00:00.000Z'],
    });
  });

  it('takes strings for json columns as JSON text, one by one and in arrays', async () => {
    await using session = await open('types');
    const [row] =
      await session.sql`select ${'{"a":"\\"b\\""}'}::json as a, ${session.sql.json({ b: 1 })}::jsonb as b,
      (select json_agg(x) from unnest(${['"p"', '{"q":"r\\\\s"}']}::json[]) x) as c`;
    expect(row).toEqual({ a: { a: '"b"' }, b: { b: 1 }, c: ['p', { q: 'r\\s' }] });
  });

  it('rejects what is in flight, queued or asked later when its connection is cut, and runs none of it', async () => {
    const session = await open('victim');
    const big = 'x'.repeat(3_000_000);
    await session.sql`begin`;
    const sleeping = failure(session.sql`select pg_sleep(5), length(${big})`);
    const queued = Array.from({ length: 200 }, (_, index) =>
      failure(session.sql`insert into marks values (${`${index} ${big.slice(0, 20_000)}`})`),
    );
    const committed = failure(session.sql`commit`);
    await delay(50);
    expect(await database.cutSessions('victim')).toBe(1);
    await aborted(session.lost);
    for (const error of await Promise.all([sleeping, ...queued, committed])) {
      expect(isConnectionError(error)).toBe(true);
    }
    expect(() => session.sql).toThrow(EngineError);
    await delay(100);
    expect(await database.sql`select count(*)::int as n from marks`).toEqual([{ n: 0 }]);
    await session.close();
  });

  it('survives being cut at any moment of a busy pipeline', async () => {
    for (let round = 0; round < 20; round++) {
      const session = await open('victim');
      const pending: Promise<unknown>[] = [];
      const feed = setInterval(() => {
        if (session.isGone) return;
        pending.push(session.sql`select ${round}::int, 'a'`.then(() => null, isConnectionError));
      }, 0);
      await delay(round % 7);
      await database.cutSessions('victim');
      await aborted(session.lost);
      clearInterval(feed);
      for (const result of await Promise.all(pending)) expect([null, true]).toContain(result);
    }
  });

  it('can be abandoned when it does not answer', async () => {
    const session = await open('hung');
    const asleep = failure(session.sql`select pg_sleep(8)`);
    await delay(20);
    session.abandon();
    expect(isConnectionError(await asleep)).toBe(true);
    expect(session.lost.aborted).toBe(true);
  });

  it('does not report its own closing as a loss', async () => {
    const session = await open('closing');
    await session.close();
    expect(session.lost.aborted).toBe(false);
    expect(() => session.sql).toThrow(EngineError);
  });

  it('rejects when there is no server', async () => {
    const error = await failure(Session.open({ ...database.target, port: 1 }, { part: 'nowhere' }));
    expect(isConnectionError(error)).toBe(true);
  });
});

describe('a pool', () => {
  it('hides the loss of idle sessions from readers', async () => {
    await using pool = new Pool(database.target, { part: 'pool', size: 3 });
    const ask = (): Promise<number> =>
      pool.read(async (sql) => (await sql<{ n: number }[]>`select 1 as n`)[0]?.n ?? 0);
    await Promise.all([ask(), ask(), ask()]);
    await database.cutSessions('pool');
    expect(await Promise.all(Array.from({ length: 10 }, ask))).toEqual(Array.from({ length: 10 }, () => 1));
  });

  it('says unavailable when a transaction loses its session, and leaves nothing of it', async () => {
    await using pool = new Pool(database.target, { part: 'pool', size: 1 });
    const error = await failure(
      pool.transaction(async (sql) => {
        await sql`insert into marks values ('half')`;
        await database.cutSessions('pool');
        await delay(50);
        await sql`insert into marks values ('other half')`;
      }),
    );
    expect(error).toMatchObject({ name: 'EngineError', code: 'unavailable' });
    expect(await pool.read((sql) => sql`select name from marks`)).toEqual([]);
  });

  it('rolls back when the function rejects, and uses the session again', async () => {
    await using pool = new Pool(database.target, { part: 'pool', size: 1 });
    const refusal = new EngineError('not_found', 'none');
    const error = await failure(
      pool.transaction(async (sql) => {
        await sql`insert into marks values ('no')`;
        throw refusal;
      }),
    );
    expect(error).toBe(refusal);
    expect(await pool.read((sql) => sql`select name from marks`)).toEqual([]);
  });

  it('reads a snapshot in which nothing can be written or locked, and uses the session again', async () => {
    await using pool = new Pool(database.target, { part: 'pool', size: 1 });
    for (const statement of [
      "insert into marks values ('no')",
      'select from marks for update',
      'create table t ()',
    ]) {
      const tried = pool.snapshot((sql) => sql.unsafe(statement));
      expect(await failure(tried)).toMatchObject({ code: '25006' });
    }
    const counts = await pool.snapshot(async (sql) => {
      const before = (await sql`select from marks`).length;
      await database.sql`insert into marks values ('meanwhile')`;
      return { before, after: (await sql`select from marks`).length };
    });
    expect(counts.after).toBe(counts.before);
    await database.sql`delete from marks`;
  });

  it('opens no more sessions than its size, and serves all', async () => {
    await using pool = new Pool(database.target, { part: 'small', size: 2 });
    const counts = await Promise.all(
      Array.from({ length: 40 }, () =>
        pool.read(async (sql) => {
          const [row] = await sql<{ n: number }[]>`select count(*)::int as n from pg_stat_activity
            where application_name = 'fermata small'`;
          return row?.n ?? 0;
        }),
      ),
    );
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
  });

  it('says unavailable when no session comes free in time', async () => {
    await using pool = new Pool(database.target, { part: 'busy', size: 1, acquireTimeoutMs: 20 });
    const long = pool.read((sql) => sql`select pg_sleep(0.3)`);
    expect(await failure(pool.read((sql) => sql`select 1`))).toMatchObject({ code: 'unavailable' });
    await long;
    expect(await pool.read((sql) => sql`select 1 as n`)).toEqual([{ n: 1 }]);
  });

  it('cuts a session that does not answer', async () => {
    await using pool = new Pool(database.target, { part: 'mute', size: 1, answerTimeoutMs: 50 });
    const error = await failure(pool.transaction((sql) => sql`select pg_sleep(5)`));
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(await pool.read((sql) => sql`select 1 as n`)).toEqual([{ n: 1 }]);
  });
});
