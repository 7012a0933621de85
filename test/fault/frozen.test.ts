import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Sql } from '../../packages/server/src/store/sql.ts';
import { testDatabase } from '../world/database.ts';
import { EffectTarget } from '../world/effects.ts';
import { eventually } from '../world/eventually.ts';
import { assertRunIsConsistent } from '../world/log-check.ts';
import { ServerProcess } from '../world/processes.ts';
import { approvalRun, askRun, longRun, streamingRun } from './scripts.ts';
import { approve, drive, reaches, seeThrough } from './see-through.ts';

const FROZEN_MS = 30_000;

async function declaredDead(sql: Sql, { pid }: ServerProcess): Promise<boolean> {
  const rows = await sql`select from executors where name like ${`% ${pid}`} and dead_at is not null`;
  return rows.length > 0;
}

/** Until the process has noticed that it was declared dead, and begun a new life. */
async function reborn(sql: Sql, { pid }: ServerProcess): Promise<void> {
  await eventually(
    async () => {
      const [row] = await sql<{ lives: number; alive: number }[]>`
        select count(*) as lives, count(*) filter (where dead_at is null) as alive from executors
        where name like ${`% ${pid}`}`;
      return row !== undefined && row.lives >= 2 && row.alive === 1;
    },
    { what: 'the process has taken a new life' },
  );
}

describe.concurrent('a process that stands still for 30 s', () => {
  test('while it drives: the others take over, and when it wakes nothing of it is committed', async () => {
    await using database = await testDatabase();
    await using effects = await EffectTarget.start();
    const { sql } = database;
    await using survivor = await ServerProcess.start(database.env);
    await using frozen = await ServerProcess.start(database.env);

    effects.answerAfterMs = 1_500;
    const asking = await frozen.api.start(askRun(effects));
    const repeating = await frozen.api.start(longRun(effects, 3, 50));
    const streaming = await frozen.api.start(streamingRun(200));
    await Promise.all([effects.requested(1, asking.id), effects.requested(1, repeating.id)]);
    await eventually(async () => ((await frozen.api.run(streaming.id)).head > 4 ? true : null), {
      what: 'the model streams',
    });
    frozen.freeze();
    const frozenAt = performance.now();
    effects.answerAfterMs = 0;

    const logs = await Promise.all(
      [repeating, streaming].map((run) => seeThrough(sql, survivor, run.id, { effects })),
    );
    const adoptedAfter = logs.map((events) => {
      const lost = events.find((event) => event.type === 'segment.lost');
      return Date.parse(lost?.at ?? '') - (Date.now() - (performance.now() - frozenAt));
    });
    console.log(`adopted from a frozen process after, ms: ${adoptedAfter.map(Math.round).join(' ')}`);
    for (const ms of adoptedAfter) expect(ms).toBeGreaterThan(8_000);
    await reaches(sql, asking.id, 'waiting');
    expect(effects.of(asking.id).length, 'not asked again without an answer').toBe(1);

    await delay(Math.max(0, FROZEN_MS - (performance.now() - frozenAt)));
    frozen.thaw();
    await reborn(sql, frozen);
    for (const [index, run] of [repeating, streaming].entries()) {
      const after = await assertRunIsConsistent(sql, run.id, effects);
      const late = after.slice(logs[index]?.length);
      expect(late.every((event) => 'late' in event.data && event.data.late === true)).toBe(true);
    }
    // What nobody knew is known now: the answer lay in its socket.
    const events = await seeThrough(sql, survivor, asking.id, {
      effects,
      answerOf: () => Promise.reject(new Error('it is answered by the late outcome')),
    });
    expect(events.find((event) => event.type === 'wait.resolved')?.data.resolution.reason).toBe(
      'the outcome came late',
    );
    expect(effects.of(asking.id).length).toBe(1);
    // It is a process like any other again.
    const again = await frozen.api.start(approvalRun(effects));
    await seeThrough(sql, frozen, again.id, { effects });
  });

  test('between the start of a call and its request: the request does not leave any more', async () => {
    await using database = await testDatabase();
    await using effects = await EffectTarget.start();
    const { sql } = database;
    await using survivor = await ServerProcess.start(database.env);
    // The commits: start, turn, answer, and then the start of the call.
    await using frozen = await ServerProcess.start({ ...database.env, FERMATA_STOP_AT: 'after-commit:4' });
    const run = await frozen.api.start(askRun(effects));
    await reaches(sql, run.id, 'waiting');
    expect(await declaredDead(sql, frozen)).toBe(true);
    frozen.thaw();
    await reborn(sql, frozen);
    expect(effects.of(run.id).length).toBe(0);
    await seeThrough(sql, survivor, run.id, {
      effects,
      answerOf: (wait) => (wait.kind === 'in_doubt' ? { outcome: 'retry' } : approve(wait)),
    });
    expect(effects.of(run.id).length).toBe(1);
  });

  test('holding row locks: others go on at once, and with its run when the database ends its transaction', async () => {
    await using database = await testDatabase();
    await using effects = await EffectTarget.start();
    const { sql } = database;
    await using survivor = await ServerProcess.start(database.env);
    await using frozen = await ServerProcess.start({ ...database.env, FERMATA_STOP_AT: 'before-commit:3' });
    const run = await frozen.api.start(longRun(effects, 2, 50));
    await eventually(() => isLocked(sql, run.id), { what: 'the frozen process holds the row' });
    const lockedAt = performance.now();

    const note = survivor.api
      .ok('POST', `/runs/${run.id}/notes`, { body: { type: 'check', summary: 'are you there?' } })
      .then(() => performance.now() - lockedAt);
    const others = await Promise.all([1, 2, 3].map(() => survivor.api.start(approvalRun(effects))));
    for (const other of others) await seeThrough(sql, survivor, other.id, { effects });
    const othersMs = performance.now() - lockedAt;
    const noteMs = await note;
    console.log(
      `a frozen process holds a row: 3 other runs done in ${othersMs.toFixed(0)} ms, a command on its run in ${noteMs.toFixed(0)} ms`,
    );
    expect(noteMs).toBeLessThan(9_000);
    expect(await drive(sql, survivor, run.id)).toBe(true);
    await delay(Math.max(0, FROZEN_MS - (performance.now() - lockedAt)));
    frozen.thaw();
    await reborn(sql, frozen);
    await seeThrough(sql, survivor, run.id, { effects });
  });
});

async function isLocked(sql: Sql, runId: string): Promise<boolean> {
  const free = await sql`select from run_state where run_id = ${runId} for no key update skip locked`;
  return free.length === 0;
}
