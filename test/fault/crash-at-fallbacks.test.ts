import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventData, RunEvent } from '@fermata/protocol';
import { crashWorld, type CrashWorld } from './crash-world.ts';
import { fallbackRun } from './scripts.ts';
import { seeThrough } from './see-through.ts';

let world: CrashWorld;
beforeAll(async () => {
  world = await crashWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** What each commit of the run is for; its place in the list is its number. */
const COMMITS = [
  'the start',
  'the first turn begins',
  'it has failed',
  'the first fallback begins',
  'it has failed',
  'the second fallback begins',
  'it has answered, and the run goes on',
  'the turn begins in which the tool must be called',
  'it calls it twice',
  'one call is too many',
  'the other begins',
  'the other is done',
  'the last turn begins',
].map((what, index) => [index + 1, what] as const);

function started(events: readonly RunEvent[]): EventData<'turn.started'>[] {
  return events.flatMap((event) => (event.type === 'turn.started' ? [event.data] : []));
}

async function killAt(point: string): Promise<void> {
  const { database, effects, survivor } = world;
  const runId = await world.dieAt(point, fallbackRun(effects));
  const events = await seeThrough(database.sql, survivor, runId, { effects });
  const turns = started(events);
  const first = turns.filter(({ turn }) => turn === 1).map(({ fallback = -1 }) => fallback);
  expect(first, 'fallbacks are gone on with').toEqual(first.toSorted((a, b) => a - b));
  expect(new Set(first)).toEqual(new Set([-1, 0, 1]));
  expect(turns.map(({ forced }) => forced).filter((forced) => forced !== undefined)).toEqual(
    turns.filter(({ turn }) => turn === 2).map(() => 'audit'),
  );
  const failures = events.flatMap((event) => (event.type === 'tool.failed' ? [event.data.error.code] : []));
  expect(failures).toEqual(['max_calls']);
  expect(new Set(effects.of(runId).map(({ key }) => key)).size).toBe(1);
  expect(events.at(-1)).toMatchObject({ type: 'run.succeeded', data: { output: 'It is audited.' } });
}

const odd = COMMITS.filter(([n]) => n > 2 && n % 2 === 1);

describe('a process that is killed while a run falls back on another model', () => {
  // While the first fallback is called, and the turn in which a tool must be.
  test.each([5, 9])('right before commit %i', async (n) => await killAt(`before-commit:${n}`));
  test.each(odd)('right after commit %i: %s', async (n) => await killAt(`after-commit:${n}`));
});
