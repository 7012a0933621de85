import type { RunEvent, Wait } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ServerProcess } from '../world/processes.ts';
import { crashWorld, type CrashWorld } from './crash-world.ts';
import { approvalRun, askRun, parallelRun, planRun, STREAMED_WORDS, streamingRun } from './scripts.ts';
import { approve, reaches, seeThrough } from './see-through.ts';

let world: CrashWorld;
beforeAll(async () => {
  world = await crashWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

function textOf(events: readonly RunEvent[], attempt: number): string {
  return events
    .map((event) => (event.type === 'message.delta' && event.data.attempt === attempt ? event.data.text : ''))
    .join('');
}

const WHOLE_TEXT = Array.from({ length: STREAMED_WORDS }, (_, index) => `word-${index} `).join('');

describe('a process that is killed while a model streams', () => {
  test.each([1, 4])(
    'leaves the deltas of its attempt, and the turn is done again (delta commit %i)',
    async (n) => {
      const { database, survivor } = world;
      const runId = await world.dieAt(`mid-delta:${n}`, streamingRun());
      const events = await seeThrough(database.sql, survivor, runId);
      const attempts = events.filter((event) => event.type === 'turn.started');
      expect(attempts.map((event) => event.data.attempt)).toEqual([1, 2]);
      const lost = textOf(events, 1);
      expect(lost.length).toBeGreaterThan(0);
      expect(WHOLE_TEXT.startsWith(lost)).toBe(true);
      expect(textOf(events, 2)).toBe(WHOLE_TEXT);
    },
  );
});

describe('a process that is killed around a change of the plan', () => {
  test.each(['before-tool-request:1', 'after-tool-request:1', 'after-tool-request:2'])(
    'makes it once, with the result of its call (%s)',
    async (point) => {
      const { database, survivor } = world;
      const runId = await world.dieAt(point, planRun());
      const events = await seeThrough(database.sql, survivor, runId);
      const changes = events.filter(({ type }) => type.startsWith('plan.')).map(({ type }) => type);
      expect(changes).toEqual(['plan.created', 'plan.step_updated']);
      for (const [index, event] of events.entries()) {
        if (event.type.startsWith('plan.')) expect(events[index + 1]?.type).toBe('tool.completed');
      }
    },
  );
});

describe('a process that is killed around the request of a tool', () => {
  test.each([1, 3])(
    'that may be repeated: calls are asked again under their keys (before request %i)',
    async (n) => {
      const { database, effects, survivor } = world;
      const runId = await world.dieAt(`before-tool-request:${n}`, parallelRun(effects));
      const events = await seeThrough(database.sql, survivor, runId, { effects });
      expectOneKeyPerCall(events, runId, 4);
    },
  );

  test.each([1, 2, 4])(
    'that may be repeated: calls are asked again under their keys (after request %i)',
    async (n) => {
      const { database, effects, survivor } = world;
      const runId = await world.dieAt(`after-tool-request:${n}`, parallelRun(effects));
      const events = await seeThrough(database.sql, survivor, runId, { effects });
      expectOneKeyPerCall(events, runId, 4);
    },
  );

  test('that must not be repeated: nobody knows, a person says done, and it was requested once', async () => {
    const { database, effects, survivor } = world;
    const runId = await world.dieAt('after-tool-request', askRun(effects));
    await reaches(database.sql, runId, 'waiting');
    const waits = await survivor.api.openWaits(runId);
    expect(waits.map((wait) => [wait.kind, wait.tool, wait.args])).toEqual([
      ['in_doubt', 'send', { to: 'all' }],
    ]);
    expect(effects.of(runId).length).toBe(1);
    await seeThrough(database.sql, survivor, runId, { effects });
    expect(effects.of(runId).length).toBe(1);
  });

  test('that must not be repeated: it is requested for the first time only when a person says retry', async () => {
    const { database, effects, survivor } = world;
    const runId = await world.dieAt('before-tool-request', askRun(effects));
    await reaches(database.sql, runId, 'waiting');
    expect(effects.of(runId).length, 'nothing has left before the kill').toBe(0);
    const answerOf = (wait: Wait): unknown =>
      wait.kind === 'in_doubt' ? { outcome: 'retry' } : approve(wait);
    const events = await seeThrough(database.sql, survivor, runId, { effects, answerOf });
    expect(effects.of(runId).length).toBe(1);
    expect(events.filter((event) => event.type === 'tool.started').length).toBe(2);
  });

  test('that was approved: a person is asked, since nothing else was said, and an answer once given stands', async () => {
    const { database, effects, survivor } = world;
    const runId = await world.dieAt('after-tool-request', approvalRun(effects, {}));
    await reaches(database.sql, runId, 'waiting');
    expect((await survivor.api.openWaits(runId)).map((wait) => wait.kind)).toEqual(['in_doubt']);
    const answerOf = (wait: Wait): unknown =>
      wait.kind === 'in_doubt' ? { outcome: 'skip' } : approve(wait);
    const events = await seeThrough(database.sql, survivor, runId, { effects, answerOf });
    expect(effects.of(runId).length).toBe(1);
    expect(events.filter((event) => event.type === 'wait.opened').length).toBe(2);
  });
});

function expectOneKeyPerCall(events: readonly RunEvent[], runId: string, calls: number): void {
  const keys = new Map<string, Set<string>>();
  for (const event of events) {
    if (event.type !== 'tool.started') continue;
    const { callId, idempotencyKey } = event.data;
    keys.set(callId, (keys.get(callId) ?? new Set()).add(idempotencyKey));
  }
  expect([...keys.values()].map((set) => set.size)).toEqual(Array(calls).fill(1));
  const asked = new Set(world.effects.of(runId).map(({ key }) => key));
  expect(asked).toEqual(new Set([...keys.values()].flatMap((set) => [...set])));
}

describe('a process that is killed', () => {
  test.each([1, 6])('before its hint (%i) leaves no reader behind', async (n) => {
    const { database, survivor } = world;
    const runId = await world.dieAt(`before-hint:${n}`, streamingRun());
    await using reader = await survivor.api.watch(runId, { until: 'finished' });
    const events = await seeThrough(database.sql, survivor, runId);
    expect(await reader.ended).toEqual({ kind: 'ended', reason: 'finished' });
    expect(reader.events).toEqual(events);
  });

  test('before its claim leaves a job that the others take', async () => {
    const { database, survivor } = world;
    // The job stays for the doomed process: the other stands still, but not for so long that it would be dead.
    await using doomed = await ServerProcess.start({ ...database.env, FERMATA_CRASH_AT: 'before-claim' });
    const startAt = new Date(Date.now() + 2_000).toISOString();
    const run = await survivor.api.start({ ...streamingRun(10), startAt });
    survivor.freeze();
    await doomed.exit.finally(() => survivor.thaw());
    const diedAt = performance.now();
    await reaches(database.sql, run.id, 'running', 'succeeded');
    const seconds = (performance.now() - diedAt) / 1000;
    console.log(
      `the job of a process that died before its claim: driven ${seconds.toFixed(1)} s after its death`,
    );
    await seeThrough(database.sql, survivor, run.id);
  });
});
