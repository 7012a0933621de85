import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crashWorld, type CrashWorld } from './crash-world.ts';
import { approvalRun } from './scripts.ts';
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
  'the first turn is answered',
  'the approval is asked for',
  'the approval is given',
  'the call begins',
  'the call is done',
  'the second turn begins',
  'the second turn is answered and the run ends',
].map((what, index) => [index + 1, what] as const);

async function killAt(point: string): Promise<string[]> {
  const { database, effects, survivor } = world;
  const runId = await world.dieAt(point, approvalRun(effects));
  const events = await seeThrough(database.sql, survivor, runId, { effects });
  // The call leaves once its start is committed; a kill after its request makes it leave once more, under its key.
  const requests = effects.of(runId);
  expect(new Set(requests.map(({ key }) => key)).size).toBe(1);
  expect(requests.length).toBe(point === 'before-commit:7' ? 2 : 1);
  return events.map((event) => event.type);
}

describe('a process that is killed right before a commit loses nothing else', () => {
  test.each(COMMITS.filter(([n]) => n % 2 === 1))('commit %i: %s', async (n) => {
    await killAt(`before-commit:${n}`);
  });
});

describe('a process that is killed right after a commit loses nothing', () => {
  test.each(COMMITS.filter(([n]) => n < COMMITS.length))('commit %i: %s', async (n) => {
    const types = await killAt(`after-commit:${n}`);
    expect(types.filter((type) => type === 'wait.opened').length, 'it is asked once').toBe(1);
  });

  test('the last commit: the run has ended, and is not touched again', async () => {
    const { database, effects, survivor } = world;
    const runId = await world.dieAt(`after-commit:${COMMITS.length}`, approvalRun(effects));
    const events = await seeThrough(database.sql, survivor, runId, { effects });
    expect(events.at(-1)?.type).toBe('run.succeeded');
    expect(events.some((event) => event.type === 'segment.lost')).toBe(false);
  });
});
