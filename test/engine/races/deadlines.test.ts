import type { Wait, WaitChangedReply } from '@fermata/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld({ servers: 2 });

const ROUNDS = 200;
const CALLS = 25;
const AFTER_SECONDS = 1.2;
/** The answers come this long before and after the deadline, ms. */
const SPREAD_MS = 120;

/** A run that waits for as many approvals, all due at one time. */
async function waitingRun(last: Body): Promise<Wait[]> {
  const toolCalls = Array.from({ length: CALLS }, (_, n) => ({ tool: 'pay', args: { n } }));
  const deadline = [{ after: AFTER_SECONDS, ...last }];
  const tools = [{ type: 'client', name: 'pay', approval: 'always', deadline }];
  const run = await world().script([{ toolCalls }, { text: 'done' }], { tools });
  await world().api.reaches(run.id, 'waiting');
  return await world().api.openWaits(run.id);
}

describe('a person and the timer, at the same moment', () => {
  it.each([
    ['expires', { expire: true }, 'expired', 'wait.expired'],
    ['decides', { decide: { decision: 'deny', reason: 'too late' } }, 'deny', 'wait.resolved'],
  ] as const)(
    'have one winner where the ladder %s; the person is told which',
    async (_name, last, outcome, closing) => {
      const answered = { person: 0, timer: 0 };
      for (let round = 0; round < ROUNDS; round += CALLS) {
        const waits = await waitingRun(last);
        expect(waits).toHaveLength(CALLS);
        const winners = await Promise.all(
          waits.map(async (wait, index) => {
            const offsetMs = -SPREAD_MS + (2 * SPREAD_MS * index) / CALLS;
            await delay(Math.max(0, Date.parse(wait.deadlineAt ?? '') + offsetMs - Date.now()));
            const client =
              index % 2 === 0 ? world().operator : world().operator.at(world().servers[1]?.url ?? '');
            // Denied by both, so that the run goes on when all is decided.
            const body = { decision: 'deny', digest: wait.digest, reason: `person ${index}` };
            const reply = await client.request('POST', `/v1/waits/${wait.id}/answer`, { body });
            if (reply.status === 200) {
              expect((reply.body as WaitChangedReply).wait.resolution?.by.name).toBe('operator');
              return { wait, winner: 'person' as const };
            }
            expect(reply.body).toMatchObject({
              code: 'wait_closed',
              winner: { outcome, by: { type: 'system' } },
            });
            return { wait, winner: 'timer' as const };
          }),
        );
        const runId = waits[0]?.runId ?? '';
        await world().api.reaches(runId, 'succeeded');
        const events = await world().api.events(runId);
        for (const { wait, winner } of winners) {
          answered[winner] += 1;
          const closings = events.filter(
            ({ type, data }) =>
              (type === 'wait.resolved' || type === 'wait.expired') &&
              'waitId' in data &&
              data.waitId === wait.id,
          );
          expect(closings).toHaveLength(1);
          expect(closings[0]?.type).toBe(winner === 'person' ? 'wait.resolved' : closing);
          const results = events.filter(
            ({ type, data }) => type === 'tool.denied' && 'callId' in data && data.callId === wait.callId,
          );
          expect(results).toHaveLength(1);
        }
      }
      console.log(`a person won ${answered.person} times, the timer ${answered.timer} times`);
      expect(answered.person + answered.timer).toBe(ROUNDS);
      expect(Math.min(answered.person, answered.timer)).toBeGreaterThan(0);
    },
    180_000,
  );
});
