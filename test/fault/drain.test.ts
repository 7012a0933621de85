import type { RunEvent } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase, type TestDatabase } from '../world/database.ts';
import { EffectTarget } from '../world/effects.ts';
import type { Frame } from '../world/event-reader.ts';
import { ServerProcess } from '../world/processes.ts';
import { longRun, parallelRun, streamingRun } from './scripts.ts';
import { reaches, seeThrough } from './see-through.ts';

let database: TestDatabase;
let effects: EffectTarget;
let survivor: ServerProcess;

beforeAll(async () => {
  database = await testDatabase();
  effects = await EffectTarget.start();
  survivor = await ServerProcess.start(database.env);
});

afterAll(async () => {
  await survivor[Symbol.asyncDispose]();
  await effects[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const CLEAN_EXIT = { code: 0, signal: null };

/** What a reader sees that follows one stream and then goes on where it was. */
function seqs(...parts: RunEvent[][]): number[] {
  return parts.flat().map((event) => event.seq);
}

describe('a server that is asked to stop', () => {
  test('gives its run back between two steps, its readers see the other go on, and nothing is lost', async () => {
    await using leaving = await ServerProcess.start(database.env);
    const run = await leaving.api.start(longRun(effects, 8, 150));
    await using reader = await leaving.api.watch(run.id);
    await using idle = await leaving.api.watch((await leaving.api.start({ input: 'hello' })).id);
    await reader.until((events) => events.some((event) => event.type === 'tool.completed'));
    const askedAt = performance.now();
    const exit = leaving.stop();
    expect(await reader.ended).toEqual({ kind: 'ended', reason: 'draining' });
    expect(await idle.ended).toEqual({ kind: 'ended', reason: 'draining' });
    expect(await exit).toEqual(CLEAN_EXIT);
    console.log(`stopped in order in ${Math.round(performance.now() - askedAt)} ms`);

    await using resumed = await survivor.api.watch(run.id, { after: reader.lastId, until: 'finished' });
    const events = await seeThrough(database.sql, survivor, run.id, { effects });
    expect(await resumed.ended).toEqual({ kind: 'ended', reason: 'finished' });
    expect(seqs(reader.events, resumed.events)).toEqual(seqs(events));
    expect([...reader.events, ...resumed.events]).toEqual(events);

    const given = events.filter((event) => event.type === 'segment.returned');
    expect(given.map((event) => event.data.reason)).toEqual(['drain']);
    expect(events.some((event) => event.type === 'segment.lost')).toBe(false);
    const repeated = events.filter((event) => event.type === 'turn.started' && event.data.attempt > 1);
    expect(repeated.length, 'no step was cut').toBe(0);
    expect(effects.of(run.id).length).toBe(8);
  });

  test('lets an answer end that is being streamed', async () => {
    await using leaving = await ServerProcess.start(database.env);
    const run = await leaving.api.start(streamingRun(60));
    await using reader = await leaving.api.watch(run.id);
    await reader.until((events) => events.some((event) => event.type === 'message.delta'));
    expect(await leaving.stop()).toEqual(CLEAN_EXIT);
    const events = await seeThrough(database.sql, survivor, run.id);
    expect(events.filter((event) => event.type === 'turn.started').length).toBe(1);
    expect(reader.events).toEqual(events.slice(0, reader.events.length));
  });

  test('cuts an answer that would last past its limit, and the other does the turn again', async () => {
    await using leaving = await ServerProcess.start({ ...database.env, FERMATA_DRAIN_MS: '300' });
    const run = await leaving.api.start(streamingRun(250));
    await using reader = await leaving.api.watch(run.id);
    await reader.until((events) => events.some((event) => event.type === 'message.delta'));
    expect(await leaving.stop()).toEqual(CLEAN_EXIT);
    await using resumed = await survivor.api.watch(run.id, { after: reader.lastId, until: 'finished' });
    const events = await seeThrough(database.sql, survivor, run.id);
    await resumed.ended;
    expect([...reader.events, ...resumed.events]).toEqual(events);
    expect(events.flatMap((event) => (event.type === 'turn.started' ? [event.data.attempt] : []))).toEqual([
      1, 2,
    ]);
    expect(events.some((event) => event.type === 'segment.lost')).toBe(false);
  });
});

describe('a stream that is cut', () => {
  test('at any seq goes on at the other process with the same frames', async () => {
    await using other = await ServerProcess.start(database.env);
    const run = await other.api.start(parallelRun(effects));
    await seeThrough(database.sql, survivor, run.id, { effects });
    await using whole = await survivor.api.watch(run.id, { until: 'finished' });
    await whole.ended;
    const frames = whole.frames.filter((frame) => frame.id !== undefined);
    expect(frames.map((frame) => Number(frame.id))).toEqual(frames.map((_, index) => index + 1));
    for (const cutAt of frames.keys()) {
      const first = await other.api.watch(run.id);
      await first.until((events) => events.length > cutAt);
      await first.close();
      await using second = await survivor.api.watch(run.id, { after: cutAt + 1, until: 'finished' });
      expect(await second.ended).toEqual({ kind: 'ended', reason: 'finished' });
      const rest = second.frames.filter((frame) => frame.id !== undefined);
      expect([...first.frames.slice(0, cutAt + 1), ...rest]).toEqual(frames);
    }
  });

  test('after every frame while the run is driven goes on here and there, with no gap and no repeat', async () => {
    await using other = await ServerProcess.start(database.env);
    const run = await other.api.start(longRun(effects, 5, 100));
    const seen: Frame[] = [];
    for (let turn = 0; ; turn += 1) {
      const server = turn % 2 === 0 ? survivor : other;
      await using reader = await server.api.watch(run.id, { after: Number(seen.at(-1)?.id ?? 0) });
      await reader.until((events) => events.length > 0);
      const [frame] = reader.frames;
      if (frame === undefined) throw new Error('there is no frame');
      seen.push(frame);
      if (frame.event === 'run.succeeded') break;
    }
    await reaches(database.sql, run.id, 'succeeded');
    await using whole = await survivor.api.watch(run.id, { until: 'finished' });
    await whole.ended;
    expect(seen).toEqual(whole.frames.filter((frame) => frame.id !== undefined));
    await seeThrough(database.sql, survivor, run.id, { effects });
  });
});
