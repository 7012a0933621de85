import type { Run, RunEvent, StartRunBody } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DELEGATE, delegating } from '../world/delegating.ts';
import { eventually } from '../world/eventually.ts';
import { assertRunIsConsistent } from '../world/log-check.ts';
import { ServerProcess } from '../world/processes.ts';
import { crashWorld, type CrashWorld } from './crash-world.ts';
import { effectTool } from './scripts.ts';
import { reaches, seeThrough, statusOf } from './see-through.ts';

let world: CrashWorld;
beforeAll(async () => {
  world = await crashWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** A run that delegates one payment. */
function payingThroughChild(delayMs = 0): Partial<StartRunBody> {
  const child = {
    script: [{ delayMs, toolCalls: [{ tool: 'pay', args: {} }] }, { text: 'paid' }],
    tools: ['pay'],
  };
  return {
    agent: {
      model: 'script/fault',
      script: [delegating(child), { text: 'all is done' }],
      tools: [DELEGATE, effectTool(world.effects, 'pay', { afterCrash: 'retry' })],
    },
    input: 'Go.',
  };
}

async function childrenOf(runId: string): Promise<string[]> {
  const rows = await world.database.sql<{ id: string }[]>`
    select id from runs where parent_id = ${runId} order by number`;
  return rows.map((row) => row.id);
}

const countOf = (events: readonly RunEvent[], type: string): number =>
  events.filter((event) => event.type === type).length;

/** The run ends by itself on the survivor: one child, one payment, each told once. */
async function endsWell(runId: string): Promise<void> {
  const { database, survivor, effects } = world;
  const events = await seeThrough(database.sql, survivor, runId);
  const children = await childrenOf(runId);
  expect(children).toHaveLength(1);
  const childEvents = await assertRunIsConsistent(database.sql, children[0] ?? '', effects);
  expect([countOf(events, 'child.started'), countOf(events, 'child.finished')]).toEqual([1, 1]);
  expect(countOf(childEvents, 'run.succeeded')).toBe(1);
  expect(new Set(effects.of(children[0] ?? '').map(({ key }) => key)).size).toBe(1);
  expect(
    await database.sql`select * from outbox where run_id = any(${[runId, ...children]}::uuid[])`,
  ).toEqual([]);
}

describe('a process that is killed between a commit and what it has left for another run', () => {
  test.each([1, 2])('delivery %i: another process delivers, once', async (n) => {
    const runId = await world.dieAt(`before-delivery:${n}`, payingThroughChild());
    await endsWell(runId);
  });
});

describe('a process that is killed while a run delegates', () => {
  test.each([3, 4, 5, 6, 8, 10, 11])(
    'right after commit %i, loses nothing and does nothing twice',
    async (n) => {
      await endsWell(await world.dieAt(`after-commit:${n}`, payingThroughChild()));
    },
  );
  test.each([4, 5, 10, 11])('right before commit %i, as well', async (n) => {
    await endsWell(await world.dieAt(`before-commit:${n}`, payingThroughChild()));
  });
});

describe('a tree whose pause is accepted by a process that dies of it', () => {
  test('is paused by another one within about two seconds, and goes on as a whole', async () => {
    const { database, survivor } = world;
    const { sql } = database;
    await using doomed = await ServerProcess.start({ ...database.env, FERMATA_CRASH_AT: 'before-delivery' });
    // The child runs on the survivor, with a long step; the process that dies has nothing to do with it.
    const top = await survivor.api.start(payingThroughChild(10_000));
    const childId = await eventually(async () => (await childrenOf(top.id))[0], {
      what: 'the child is there',
    });
    await reaches(sql, childId, 'running');
    await reaches(sql, top.id, 'waiting');
    await doomed.api.request<Run>('POST', `/runs/${top.id}/pause`, { body: { at: 'now' } }).catch(() => null);
    await doomed.exit;
    const killedAt = Date.now();
    await reaches(sql, childId, 'paused');
    const tookMs = Date.now() - killedAt;
    console.log(`delivered by another process after kill -9, ms: ${tookMs}`);
    expect(tookMs).toBeLessThan(5_000);
    await eventually(async () => countOf(await survivor.api.events(top.id), 'tree.paused') === 1, {
      what: 'the tree has stopped',
    });
    expect(await statusOf(sql, top.id)).toBe('paused');
    await survivor.api.ok('POST', `/runs/${top.id}/resume`, { body: {} });
    await endsWell(top.id);
  });
});
