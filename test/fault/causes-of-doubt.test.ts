import type { Tool, Wait } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase, type TestDatabase } from '../world/database.ts';
import { EffectTarget, type Manner } from '../world/effects.ts';
import { ServerProcess } from '../world/processes.ts';
import { askRun } from './scripts.ts';
import { reaches, seeThrough } from './see-through.ts';

let database: TestDatabase;
let effects: EffectTarget;
/** Lives through everything, and answers. */
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

interface Cause {
  tool?: Partial<Tool>;
  /** How the target answers the first request of each run. */
  manner?: Manner;
  /** The target has the effect at once and answers after this time, ms. */
  answerAfterMs?: number;
  /** The process that drives the runs, when it is not the survivor. */
  victim?: Record<string, string>;
  /** What happens once every run has requested its call. */
  strike?: (server: ServerProcess, runIds: readonly string[]) => Promise<void>;
}

const LONG_MS = 60_000;

/** Every way in which a call that was requested comes to have no known outcome. */
const CAUSES: Record<string, Cause> = {
  'a cut connection': { manner: 'reset' },
  'a 502': { manner: 'bad_gateway' },
  'a 504': { manner: 'gateway_timeout' },
  'its time-out': { tool: { timeoutMs: 500 }, answerAfterMs: 3_000 },
  'a pause now': {
    answerAfterMs: LONG_MS,
    async strike({ api }, runIds) {
      for (const runId of runIds) {
        await api.ok('POST', `/runs/${runId}/pause`, { body: { at: 'now' } });
        await reaches(database.sql, runId, 'paused');
        await api.ok('POST', `/runs/${runId}/resume`, { body: {} });
      }
    },
  },
  'a drain that takes too long': {
    answerAfterMs: LONG_MS,
    victim: { FERMATA_DRAIN_MS: '200' },
    strike: async (server) => void (await server.stop()),
  },
  'the death of its process': { answerAfterMs: LONG_MS, victim: {}, strike: (server) => server.kill() },
  'the freezing of its process, which others take for dead': {
    answerAfterMs: LONG_MS,
    victim: {},
    strike: (server) => Promise.resolve(server.freeze()),
  },
};

/** Starts the runs, waits for the effect of each, and lets it happen. */
async function struck(
  cause: Cause,
  count: number,
  tool: Partial<Tool>,
): Promise<{ runIds: string[]; end: () => Promise<void> }> {
  const own =
    cause.victim === undefined ? null : await ServerProcess.start({ ...database.env, ...cause.victim });
  const server = own ?? survivor;
  effects.answerAfterMs = cause.answerAfterMs ?? 0;
  if (cause.manner !== undefined) effects.mannersOfNext.push(...Array<Manner>(count).fill(cause.manner));
  const runIds: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const { id } = await server.api.start(askRun(effects, { ...cause.tool, ...tool }));
    await effects.requested(1, id);
    runIds.push(id);
  }
  effects.answerAfterMs = 0;
  await cause.strike?.(server, runIds);
  return { runIds, end: async () => await own?.[Symbol.asyncDispose]() };
}

const noQuestion = (wait: Wait): unknown => {
  throw new Error(`nobody was to be asked: ${wait.kind}`);
};

describe.each(Object.entries(CAUSES))('a call whose outcome is lost by %s', (_name, cause) => {
  test('and that must not be repeated is asked about; done, do it again and skip do what they say', async () => {
    const answers = [
      { outcome: 'done', output: { lookedUp: true } },
      { outcome: 'retry' },
      { outcome: 'skip' },
    ] as const;
    const { runIds, end } = await struck(cause, answers.length, { afterCrash: 'ask' });
    try {
      for (const runId of runIds) {
        await reaches(database.sql, runId, 'waiting');
        const waits = await survivor.api.openWaits(runId);
        expect(waits.map((wait) => [wait.kind, wait.tool])).toEqual([['in_doubt', 'send']]);
        expect(effects.of(runId).length, 'not requested again without an answer').toBe(1);
      }
      for (const [index, answer] of answers.entries()) {
        const runId = runIds[index] ?? '';
        const events = await seeThrough(database.sql, survivor, runId, { effects, answerOf: () => answer });
        const requests = effects.of(runId);
        expect(requests.length).toBe(answer.outcome === 'retry' ? 2 : 1);
        expect(new Set(requests.map(({ key }) => key)).size).toBe(1);
        const result = events.find(
          (event) => event.type === 'tool.completed' || event.type === 'tool.denied',
        );
        expect(result).toMatchObject(
          answer.outcome === 'skip'
            ? { type: 'tool.denied', data: { outcome: 'interrupted' } }
            : { type: 'tool.completed' },
        );
      }
    } finally {
      await end();
    }
  });

  test('and that may be repeated is, under the same key, and nobody is asked', async () => {
    const { runIds, end } = await struck(cause, 1, { afterCrash: 'retry' });
    try {
      const [runId = ''] = runIds;
      // Requests of one segment share one start, so that the log does not say how often it was requested.
      await seeThrough(database.sql, survivor, runId, { answerOf: noQuestion });
      const requests = effects.of(runId);
      expect([requests.length, new Set(requests.map(({ key }) => key)).size]).toEqual([2, 1]);
    } finally {
      await end();
    }
  });
});
