import type { ChangedReply, Problem, Wait, WaitChangedReply } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inBatches, manyRequests, type ManyRequests, type QuickReply } from '../../world/many-requests.ts';
import { testWorld, type World } from '../../world/server.ts';

/** Requests of one round, half of them to each of two servers on one database. */
const RACERS = 64;
const ROUNDS = 500;
/** Rounds that run side by side. */
const WIDTH = 8;
const TIME_LIMIT_MS = 300_000;

let world: World;
let requests: ManyRequests;
let keys: { key: string; name: string }[];

beforeAll(async () => {
  world = await testWorld({ servers: 2 });
  requests = manyRequests(
    world.servers.map((server) => server.url),
    RACERS,
  );
  keys = [
    { key: world.api.key, name: 'admin' },
    { key: world.developer.key, name: 'developer' },
    { key: world.operator.key, name: 'operator' },
  ];
});
afterAll(async () => {
  await requests[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** Sends the racers' requests at once, through both servers, with several principals. */
function race(
  path: string,
  body: (racer: number) => unknown,
): Promise<{ racer: number; name: string; reply: QuickReply }[]> {
  return Promise.all(
    Array.from({ length: RACERS }, async (_, racer) => {
      const { key, name } = keys[racer % keys.length] ?? { key: '', name: '' };
      return { racer, name, reply: await requests.post(racer, key, path, body(racer)) };
    }),
  );
}

describe('64 requests at once, through two servers', () => {
  it(
    'that answer one wait with different values have one winner, and every loser is told who won',
    { timeout: TIME_LIMIT_MS },
    async () => {
      const calls = 25;
      const toolCalls = Array.from({ length: calls }, (_, n) => ({ tool: 'lookup', args: { n } }));
      const runs = await Promise.all(
        Array.from({ length: ROUNDS / calls }, async () => {
          const tools = [{ type: 'client', name: 'lookup' }];
          const run = await world.script([{ toolCalls }, { text: 'done' }], { tools });
          await world.api.reaches(run.id, 'waiting');
          return run;
        }),
      );
      const waits = (await Promise.all(runs.map((run) => world.api.openWaits(run.id)))).flat();
      expect(waits).toHaveLength(ROUNDS);
      const winners = new Map<string, number>();

      await inBatches(waits, WIDTH, async (wait) => {
        const racers = await race(`/v1/waits/${wait.id}/answer`, (racer) => ({
          output: `${wait.id}/${racer}`,
        }));
        const won = racers.filter(
          ({ reply }) => reply.status === 200 && (reply.body as ChangedReply).changed,
        );
        expect(won).toHaveLength(1);
        const [winner] = won;
        if (winner === undefined) return;
        const { resolution } = (winner.reply.body as WaitChangedReply).wait;
        expect(resolution).toMatchObject({ value: `${wait.id}/${winner.racer}`, by: { name: winner.name } });
        winners.set(winner.name, (winners.get(winner.name) ?? 0) + 1);
        const told = new Set<string>();
        for (const { racer, reply } of racers) {
          if (racer === winner.racer) continue;
          const problem = reply.body as Problem;
          expect([reply.status, problem.code]).toEqual([409, 'wait_closed']);
          told.add(JSON.stringify(problem.winner));
          expect(problem.winner).toMatchObject({
            by: { name: winner.name },
            at: resolution?.at,
            outcome: 'output',
          });
        }
        expect(told.size).toBe(1);
      });

      for (const run of runs) {
        expect(await world.api.finished(run.id)).toMatchObject({ status: 'succeeded', turn: 2 });
        const types = await world.api.types(run.id);
        expect(types.filter((type) => type === 'wait.resolved')).toHaveLength(calls);
        expect(types.filter((type) => type === 'tool.completed')).toHaveLength(calls);
      }
      expect(winners.size).toBeGreaterThan(1);
    },
  );

  it(
    'that resume one run release its hold once, and the others change nothing',
    { timeout: TIME_LIMIT_MS },
    async () => {
      const rounds = Array.from({ length: ROUNDS / WIDTH }, (_, round) => round);
      await Promise.all(
        Array.from({ length: WIDTH }, async (_, index) => {
          const run = await world.api.start({ model: 'script/approval', input: 'x' });
          await world.api.reaches(run.id, 'waiting');
          for (const round of rounds) {
            // The pause comes from one server, so that the other has not seen it yet.
            await requests.post(index + round, world.api.key, `/v1/runs/${run.id}/pause`, {});
            const racers = await race(`/v1/runs/${run.id}/resume`, (racer) => ({ reason: `racer ${racer}` }));
            const replies = racers.map(({ reply }) => [reply.status, (reply.body as ChangedReply).changed]);
            expect(replies.every(([status]) => status === 200)).toBe(true);
            expect(replies.filter(([, changed]) => changed === true)).toHaveLength(1);
          }
          const types = await world.api.types(run.id);
          for (const type of ['hold.placed', 'run.paused', 'hold.released', 'run.resumed']) {
            expect(types.filter((one) => one === type)).toHaveLength(rounds.length);
          }
          await world.api.command(run.id, 'cancel');
        }),
      );
    },
  );

  it('that resume a run which then is driven drive it once', { timeout: TIME_LIMIT_MS }, async () => {
    await inBatches(
      Array.from({ length: 20 }, (_, n) => n),
      4,
      async (n) => {
        const run = await world.script([{ toolCalls: [{ tool: 'lookup' }] }, { text: 'done' }], {
          tools: [{ type: 'client', name: 'lookup' }],
        });
        await world.api.reaches(run.id, 'waiting');
        await world.api.command(run.id, 'pause');
        const [wait] = await world.api.openWaits(run.id);
        await world.api.answer((wait as Wait).id, { output: n });
        const racers = await race(`/v1/runs/${run.id}/resume`, () => ({}));
        // A run that has ended meanwhile refuses: the resume that released the hold came first.
        expect(racers.every(({ reply }) => reply.status === 200 || reply.status === 409)).toBe(true);
        expect(racers.filter(({ reply }) => (reply.body as ChangedReply).changed)).toHaveLength(1);
        expect(await world.api.finished(run.id)).toMatchObject({ status: 'succeeded', turn: 2 });
        const attempts = (await world.api.events(run.id)).filter((event) => event.type === 'turn.started');
        expect(attempts).toHaveLength(2);
      },
    );
  });
});
