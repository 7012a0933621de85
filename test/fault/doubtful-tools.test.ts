import type { Wait } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase, type TestDatabase } from '../world/database.ts';
import { EffectTarget, type Manner } from '../world/effects.ts';
import { ServerProcess } from '../world/processes.ts';
import { approvalRun, askRun } from './scripts.ts';
import { approve, reaches, seeThrough } from './see-through.ts';

let database: TestDatabase;
let effects: EffectTarget;
let server: ServerProcess;

beforeAll(async () => {
  database = await testDatabase();
  effects = await EffectTarget.start();
  server = await ServerProcess.start(database.env);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await effects[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** The answer to what is in doubt; approvals are given. */
function doubt(answer: unknown): (wait: Wait) => unknown {
  return (wait) => (wait.kind === 'in_doubt' ? answer : approve(wait));
}

describe.each<Manner>(['reset', 'bad_gateway'])('a tool whose answer is lost (%s)', (manner) => {
  test('and that must not be repeated: a person is asked, and it was requested once', async () => {
    effects.mannersOfNext.push(manner);
    const run = await server.api.start(askRun(effects));
    await reaches(database.sql, run.id, 'waiting');
    expect((await server.api.openWaits(run.id)).map((wait) => wait.kind)).toEqual(['in_doubt']);
    await seeThrough(database.sql, server, run.id, { effects });
    expect(effects.of(run.id).length).toBe(1);
  });

  test('and that must not be repeated: it is when a person says so, under the same key', async () => {
    effects.mannersOfNext.push(manner);
    const run = await server.api.start(askRun(effects));
    const answerOf = doubt({ outcome: 'retry' });
    const events = await seeThrough(database.sql, server, run.id, { effects, answerOf });
    expect(events.filter((event) => event.type === 'tool.started').length).toBe(2);
    const requests = effects.of(run.id);
    expect([requests.length, new Set(requests.map(({ key }) => key)).size]).toEqual([2, 1]);
  });

  test('and that was approved: a person is asked again, and skips it', async () => {
    effects.mannersOfNext.push(manner);
    const run = await server.api.start(approvalRun(effects, {}));
    const answerOf = doubt({ outcome: 'skip' });
    const events = await seeThrough(database.sql, server, run.id, { effects, answerOf });
    expect(effects.of(run.id).length).toBe(1);
    expect(events.some((event) => event.type === 'tool.completed')).toBe(false);
  });

  test('and that may be repeated: it is, at once and under the same key', async () => {
    effects.mannersOfNext.push(manner);
    const run = await server.api.start(approvalRun(effects, { afterCrash: 'retry' }));
    // Requests of one segment share one start: the log says that the call may have been made, not how often.
    await seeThrough(database.sql, server, run.id);
    const requests = effects.of(run.id);
    expect([requests.length, new Set(requests.map(({ key }) => key)).size]).toEqual([2, 1]);
  });
});
