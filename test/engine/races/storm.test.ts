import type { Problem, Run, Wait } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { ApiClient, Body } from '../../world/api-client.ts';
import { seededRandom } from '../../world/seeded-random.ts';
import { sharedWorld } from '../../world/server.ts';
import { answerJson } from '../../world/tool-target.ts';

const world = sharedWorld({ servers: 2 });

/** Turns with everything that parks: an http call, approvals, client calls, a question; the same again and again. */
const TURNS: Body[] = Array.from({ length: 12 }, (_, n) => ({
  text: `turn ${n} says some words`,
  toolCalls: [
    { tool: 'pay', args: { n } },
    { tool: 'lookup', args: { n } },
    ...(n % 2 === 0
      ? [{ tool: 'guarded', args: { n } }]
      : [{ tool: 'ask_user', args: { question: `${n}?` } }]),
  ],
}));

async function startRun(): Promise<Run> {
  const pay = { type: 'http', name: 'pay', idempotent: true, http: { url: `${world().target.url}/pay` } };
  return world().script(TURNS, {
    tools: [
      pay,
      { ...pay, name: 'guarded', approval: 'always' },
      { type: 'client', name: 'lookup' },
      { type: 'builtin', name: 'ask_user' },
    ],
    limits: { maxTurns: 4 },
    onLimit: 'pause',
  });
}

function answerOf(wait: Wait, roll: number): Body {
  switch (wait.kind) {
    case 'approval':
      return { decision: roll < 0.5 ? 'approve' : 'deny', digest: wait.digest };
    case 'input':
      return { value: `about ${roll}` };
    case 'in_doubt':
      return { outcome: roll < 0.5 ? 'retry' : 'skip' };
    default:
      return roll < 0.8 ? { output: roll } : { error: 'not today' };
  }
}

/** One command on the run, chosen by the dice. Everything but a 5xx is a fair answer. */
async function command(client: ApiClient, runId: string, dice: () => number): Promise<string> {
  const roll = dice();
  const hold = dice() < 0.5 ? 'operator' : 'mine';
  const post = async (path: string, body: Body): Promise<string> => {
    const reply = await client.request('POST', path, { body });
    return reply.status < 300 ? 'ok' : (reply.body as Problem).code;
  };
  const run = `/v1/runs/${runId}`;
  if (roll < 0.18) return post(`${run}/pause`, { hold, at: dice() < 0.3 ? 'now' : 'checkpoint' });
  if (roll < 0.42) return post(`${run}/resume`, dice() < 0.5 ? {} : { hold });
  if (roll < 0.75) {
    const waits = await client.openWaits(runId);
    const wait = waits[Math.floor(dice() * waits.length)];
    if (wait === undefined) return 'nothing to answer';
    if (dice() < 0.2) {
      return post(`${run}/resume`, { answers: [{ waitId: wait.id, ...answerOf(wait, dice()) }] });
    }
    return post(`/v1/waits/${wait.id}/answer`, answerOf(wait, dice()));
  }
  if (roll < 0.85) {
    const onWaiting = dice() < 0.6 ? 'queue' : 'supersede';
    return post(`${run}/messages`, { content: `message ${roll}`, onWaiting, reopen: dice() < 0.5 });
  }
  if (roll < 0.9) return post(`${run}/notes`, { type: 'noise' });
  if (roll < 0.94) {
    const reply = await client.request('PATCH', run, { body: { metadata: { roll } } });
    return String(reply.status);
  }
  if (roll < 0.985) return post(`${run}/retry`, {});
  return post(`${run}/cancel`, {});
}

const FAIR = new Set([
  'ok',
  '200',
  'nothing to answer',
  'held',
  'wait_closed',
  'waits_open',
  'invalid_transition',
  'not_found',
]);

describe('a storm of commands through two servers', () => {
  it.each([1, 2, 3])(
    'leaves every run consistent, and every run can be brought to its end (seed %i)',
    { timeout: 180_000 },
    async (seed) => {
      world().target.handler = (_request, response) => answerJson(response, { paid: true });
      const runs = await Promise.all(Array.from({ length: 10 }, startRun));
      const seen = new Map<string, number>();
      await Promise.all(
        runs.flatMap((run, index) =>
          [world().api, world().second].map(async (client, side) => {
            const dice = seededRandom(seed * 1_000 + index * 10 + side);
            for (let n = 0; n < 50; n++) {
              const outcome = await command(client, run.id, dice);
              seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
            }
          }),
        ),
      );
      expect([...seen.keys()].filter((outcome) => !FAIR.has(outcome))).toEqual([]);
      expect(seen.get('ok')).toBeGreaterThan(200);
      await Promise.all(runs.map((run) => bringToItsEnd(run.id)));
      // The invariants of each run are checked when the world ends.
    },
  );
});

async function bringToItsEnd(runId: string): Promise<void> {
  const { api } = world();
  for (let rounds = 0; rounds < 200; rounds++) {
    const run = await api.parked(runId);
    if (run.finishedAt !== null) return;
    for (const { name } of run.holds) {
      await api.request('POST', `/v1/runs/${runId}/resume`, {
        body: { hold: name, limits: { maxTurns: 200 } },
      });
    }
    const answers = (await api.openWaits(runId)).map((wait) => ({ waitId: wait.id, ...answerOf(wait, 0.1) }));
    if (answers.length > 0) await api.request('POST', `/v1/runs/${runId}/resume`, { body: { answers } });
  }
  throw new Error(`run ${runId} does not come to its end`);
}
