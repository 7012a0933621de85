import type { ChangedReply, Problem, Wait } from '@fermata/protocol';
import { expect, test } from 'vitest';
import { testDatabase } from '../world/database.ts';
import { EffectTarget } from '../world/effects.ts';
import { inBatches, manyRequests } from '../world/many-requests.ts';
import { ServerProcess } from '../world/processes.ts';
import { reaches, seeThrough } from './see-through.ts';

/** The full proof, 1,000, takes some minutes on a busy machine. */
const WAITS = Number(process.env['FERMATA_TEST_RACED_WAITS'] ?? 200);
/** Answers to each wait, half of them by each process. */
const RACERS = 10;
const CALLS = 10;
const WIDTH = 16;
const API_KEY = 'fermata_test_admin_key';

test(
  `${WAITS * RACERS} answers race for ${WAITS} waits through two processes: each wait is resolved once, each effect requested once`,
  { timeout: 600_000 },
  async () => {
    await using database = await testDatabase();
    await using effects = await EffectTarget.start();
    await using first = await ServerProcess.start(database.env);
    await using second = await ServerProcess.start(database.env);
    const { sql } = database;
    const tool = {
      type: 'http' as const,
      name: 'pay',
      approval: 'always' as const,
      afterCrash: 'ask' as const,
      http: { url: `${effects.url}/pay`, method: 'POST' as const },
    };
    const toolCalls = Array.from({ length: CALLS }, (_, call) => ({ tool: 'pay', args: { call } }));
    const script = [{ toolCalls }, { text: 'done' }];
    const numbers = Array.from({ length: WAITS / CALLS }, (_, n) => n);
    const waits: Wait[] = [];
    const runIds: string[] = [];
    await inBatches(numbers, WIDTH, async (n) => {
      const server = n % 2 === 0 ? first : second;
      const run = await server.api.start({
        agent: { model: 'script/own', script, tools: [tool] },
        input: 'x',
      });
      await reaches(sql, run.id, 'waiting');
      runIds.push(run.id);
      waits.push(...(await server.api.openWaits(run.id)));
    });
    expect(waits).toHaveLength(WAITS);

    const won = new Map<string, number>();
    const begun = performance.now();
    await using requests = manyRequests([first.url, second.url], WIDTH * RACERS);
    await inBatches(waits, WIDTH, async ({ id, digest, callId }) => {
      const replies = await Promise.all(
        Array.from({ length: RACERS }, (_, racer) =>
          requests.post(racer, API_KEY, `/v1/waits/${id}/answer`, {
            decision: 'approve',
            digest,
            editedArgs: { racer },
          }),
        ),
      );
      const winners = replies.flatMap(({ status, body }, racer) =>
        status === 200 && (body as ChangedReply).changed ? [racer] : [],
      );
      expect([id, winners.length]).toEqual([id, 1]);
      won.set(callId ?? '', winners[0] ?? -1);
      for (const [racer, { status, body }] of replies.entries()) {
        if (racer === winners[0]) continue;
        expect([status, (body as Problem).code]).toEqual([409, 'wait_closed']);
      }
    });
    console.log(`${WAITS * RACERS} answers in ${Math.round(performance.now() - begun)} ms`);

    await inBatches(runIds, WIDTH, async (runId) => {
      const log = await seeThrough(sql, first, runId, { effects });
      expect(log.filter((event) => event.type === 'wait.resolved')).toHaveLength(CALLS);
      expect(log.at(-1)?.type).toBe('run.succeeded');
    });
    expect(effects.requests).toHaveLength(WAITS);
    expect(effects.byKey.size).toBe(WAITS);
    for (const { key, body } of effects.requests) {
      expect(body).toEqual({ racer: won.get(key.split(':')[2] ?? '') });
    }
  },
);
