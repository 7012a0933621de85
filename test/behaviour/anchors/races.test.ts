import type { ChangedReply, Problem, Wait } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld({ servers: 2 });

const lookup: Body = { type: 'client', name: 'lookup' };
const pay = (more: Body = {}): Body => ({
  type: 'http',
  name: 'pay',
  approval: 'always',
  http: { url: `${world().target.url}/pay` },
  ...more,
});
const asks = (...tools: string[]): Body => ({
  toolCalls: tools.map((tool, n) => ({ tool, args: { n } })),
});

async function count(runId: string, type: string): Promise<number> {
  return (await world().api.types(runId)).filter((one) => one === type).length;
}
const effectsOf = (runId: string): unknown[] =>
  world()
    .target.seen.filter((request) => request.key.startsWith(runId))
    .map((request) => JSON.parse(request.body) as unknown);

describe('rows 1 and 2: several at once', () => {
  it('two resumes at once: one continues the run, the other is told that it goes on already', async () => {
    const { api, second } = world();
    for (let round = 0; round < 20; round++) {
      const run = await world().script([asks('lookup'), { text: 'done' }], { tools: [lookup] });
      const { openWaits } = await api.reaches(run.id, 'waiting');
      await api.command(run.id, 'pause');
      await api.answer(only(openWaits).id, { output: round });
      const resumes = [api, second].map((client) => client.request('POST', `/v1/runs/${run.id}/resume`, {}));
      const replies = await Promise.all(resumes);
      const changed = replies.filter(({ body }) => (body as ChangedReply).changed);
      expect(changed).toHaveLength(1);
      const loser = replies.find((reply) => reply !== changed[0]);
      // By the time of the second, the run may have come to its end.
      const { currentStatus } = (loser?.body ?? {}) as Problem;
      if (loser?.status !== 200) expect([loser?.status, currentStatus]).toEqual([409, 'succeeded']);
      await api.reaches(run.id, 'succeeded');
      expect(await count(run.id, 'turn.started')).toBe(2);
      expect(await count(run.id, 'hold.released')).toBe(1);
    }
  });

  it('two reviewers at once: one decides, the other is told who did, when and how', async () => {
    const { api, operator, second } = world();
    const reviewer = operator.at(second.base);
    for (let round = 0; round < 20; round++) {
      const run = await world().script([asks('pay'), { text: 'done' }], { tools: [pay()] });
      const { id, digest } = await api.wait(only((await api.reaches(run.id, 'waiting')).openWaits).id);
      const path = `/v1/waits/${id}/answer`;
      const [approved, denied] = await Promise.all([
        api.request('POST', path, { body: { decision: 'approve', digest } }),
        reviewer.request('POST', path, { body: { decision: 'deny', digest, reason: 'too much' } }),
      ]);
      expect([approved.status, denied.status].sort()).toEqual([200, 409]);
      const hasApproved = approved.status === 200;
      const { resolution } = await api.wait(id);
      expect(resolution).toMatchObject({
        outcome: hasApproved ? 'approve' : 'deny',
        by: { name: hasApproved ? 'admin' : 'operator' },
      });
      expect((hasApproved ? denied : approved).body).toMatchObject({
        code: 'wait_closed',
        winner: { by: resolution?.by, at: resolution?.at, outcome: resolution?.outcome },
      });
      await api.reaches(run.id, 'succeeded');
      expect(effectsOf(run.id)).toHaveLength(hasApproved ? 1 : 0);
    }
  });
});

describe('rows 3 and 4: several waits of one run', () => {
  it('answers to all of them at once, through two servers, continue the run once and leave it nowhere stuck', async () => {
    const { api, second } = world();
    for (let round = 0; round < 20; round++) {
      const run = await world().script([asks('lookup', 'lookup', 'lookup', 'lookup'), { text: 'done' }], {
        tools: [lookup],
      });
      const { openWaits } = await api.reaches(run.id, 'waiting');
      const answers = openWaits.map((wait, n) => (n % 2 === 0 ? api : second).answer(wait.id, { output: n }));
      expect((await Promise.all(answers)).every(({ changed }) => changed)).toBe(true);
      await api.reaches(run.id, 'succeeded');
      expect(await count(run.id, 'turn.started')).toBe(2);
      expect(await count(run.id, 'tool.completed')).toBe(4);
    }
  });
});

describe('rows 5 and 6: a clock and a person', () => {
  it('an answer at the deadline: one of the two decides, and a late person is told that the time was up', async () => {
    const { api, second } = world();
    const rounds = Array.from({ length: 16 }, (_, round) => round);
    await Promise.all(
      rounds.map(async (round) => {
        const tools = [{ ...lookup, deadline: [{ after: 1, expire: true }] }];
        const run = await world().script([asks('lookup'), { text: 'done' }], { tools });
        const opened = await api.event(run.id, 'wait.opened');
        if (opened.type !== 'wait.opened') return;
        const { id, deadlineAt } = opened.data;
        // From a little before the deadline to a little after it.
        await sleepUntil(Date.parse(deadlineAt ?? '') - 40 + round * 10);
        const reply = await second.request('POST', `/v1/waits/${id}/answer`, { body: { output: 'mine' } });
        await api.reaches(run.id, 'succeeded');
        const { state, resolution } = await api.wait(id);
        const isMine = reply.status === 200;
        expect([state, resolution?.outcome]).toEqual(
          isMine ? ['resolved', 'output'] : ['expired', 'expired'],
        );
        if (!isMine) {
          const winner = { outcome: 'expired', at: resolution?.at };
          expect(reply.body).toMatchObject({ code: 'wait_closed', winner });
        }
        expect((await count(run.id, 'wait.resolved')) + (await count(run.id, 'wait.expired'))).toBe(1);
        expect(await count(run.id, 'turn.started')).toBe(2);
      }),
    );
  });

  it('a timer that a person fires does not go off a second time', async () => {
    const { api } = world();
    const sleeps = (seconds: number): Body => ({ tool: 'sleep_until', args: { seconds } });
    const turn = { toolCalls: [sleeps(3), sleeps(3.2), { tool: 'lookup', args: {} }] };
    const run = await world().script([turn, { text: 'done' }], {
      tools: [{ type: 'builtin', name: 'sleep_until' }, lookup],
    });
    const first = await api.event(run.id, 'wait.opened');
    const timerId = first.type === 'wait.opened' ? first.data.id : '';
    const path = `/v1/waits/${timerId}/answer`;
    const reply = await api.request('POST', path, { body: { outcome: 'fire' } });
    // On a machine that is too busy, the clock was first: it is told like any other winner.
    if (reply.status !== 200) expect(reply.body).toMatchObject({ winner: { outcome: 'fire' } });
    // When the second timer has gone off, the time of the first is past too.
    const isBell = (waitId: string): boolean => waitId !== timerId;
    await api.event(run.id, (event) => event.type === 'wait.resolved' && isBell(event.data.waitId));
    const waiting = await api.reaches(run.id, 'waiting');
    expect(waiting.openWaits).toMatchObject([{ tool: 'lookup' }]);
    const resolved = (await api.events(run.id)).filter(
      (event) => event.type === 'wait.resolved' && event.data.waitId === timerId,
    );
    expect(resolved).toHaveLength(1);
    await api.answer(only(waiting.openWaits).id, { output: 1 });
    await api.reaches(run.id, 'succeeded');
    expect(await count(run.id, 'tool.completed')).toBe(3);
  });
});

describe('row 7: pause while a step is under way', () => {
  it('pause, resume, pause while the model speaks: the status, the holds and the log always agree', async () => {
    const { api, second } = world();
    const run = await api.start({ input: 'x', model: 'gated/anchor' });
    const call = await world().model.next();
    for (let round = 0; round < 10; round++) {
      const client = round % 2 === 0 ? api : second;
      expect((await client.command(run.id, 'pause')).run).toMatchObject({
        status: 'pausing',
        holds: [{ name: 'operator' }],
      });
      expect((await client.command(run.id, 'resume')).run).toMatchObject({ status: 'running', holds: [] });
    }
    await api.command(run.id, 'pause');
    call.end();
    expect(await api.reaches(run.id, 'paused')).toMatchObject({ holds: [{ name: 'operator' }] });
    await second.command(run.id, 'resume');
    await api.reaches(run.id, 'succeeded');
    expect(await count(run.id, 'run.paused')).toBe(1);
  });
});

describe('row 9: a double click', () => {
  it('approves the call that was shown, and never the next one', async () => {
    const { api } = world();
    const run = await world().script([asks('pay'), asks('pay'), { text: 'done' }], { tools: [pay()] });
    const first = await openApproval(run.id);
    const click = (): Promise<ChangedReply> =>
      api.answer(first.id, { decision: 'approve', digest: first.digest ?? '' });
    expect((await click()).changed).toBe(true);
    await api.event(run.id, (event) => event.type === 'wait.opened' && event.data.id !== first.id);
    expect((await click()).changed).toBe(false);
    // The same arguments, and so the same digest, but another call.
    const next = await openApproval(run.id);
    expect([next.digest, next.id === first.id]).toEqual([first.digest, false]);
    expect(effectsOf(run.id)).toHaveLength(1);
    await api.answer(next.id, { decision: 'deny', digest: next.digest ?? '' });
    await api.reaches(run.id, 'succeeded');
    expect(effectsOf(run.id)).toHaveLength(1);
  });
});

async function openApproval(runId: string): Promise<Wait> {
  const { api } = world();
  return api.wait(only((await api.reaches(runId, 'waiting')).openWaits).id);
}

/** Until a time of the wall clock: the race with the deadline is the test. */
async function sleepUntil(at: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, at - Date.now())));
}
