import type { RunEvent, TranscriptCall, Wait } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld, testWorld, type World } from '../../world/server.ts';

const world = sharedWorld();

const lookup: Body = { type: 'client', name: 'lookup' };
const pay = (target = world().target.url): Body => ({
  type: 'http',
  name: 'pay',
  approval: 'always',
  http: { url: `${target}/pay` },
});
const call = (tool: string, n: number): Body => ({ tool, args: { n } });

async function waitsOf(runId: string, { api }: World = world()): Promise<Wait[]> {
  await api.reaches(runId, 'waiting');
  return api.openWaits(runId);
}

async function callsOf(runId: string): Promise<TranscriptCall[]> {
  return (await world().api.messages(runId)).flatMap((message) => message.calls);
}

const approve = (wait: Wait): { decision: 'approve'; digest: string } => ({
  decision: 'approve',
  digest: wait.digest ?? '',
});

describe('rows 10, 14 and 15: some of several waits', () => {
  it('an answer to one of two leaves the other open, and the model is not asked before both have a result', async () => {
    const { api, model } = world();
    const run = await api.start({ input: 'x', model: 'gated/parallel', tools: [pay(), lookup] });
    (await model.next()).ask(
      { tool: 'pay', args: { n: 1 } },
      { tool: 'pay', args: { n: 2 } },
      { tool: 'lookup', args: { n: 3 } },
    );
    const [first, second, third] = await waitsOf(run.id);
    const asked = model.count;
    await api.answer(first?.id ?? '', approve(first as Wait));
    await api.event(run.id, 'tool.completed');
    await api.answer(third?.id ?? '', { output: 'known' });
    expect(await api.run(run.id)).toMatchObject({ status: 'waiting', openWaits: [{ id: second?.id }] });
    expect(model.count).toBe(asked);
    await api.answer(second?.id ?? '', { decision: 'deny', digest: second?.digest ?? '' });
    const next = await model.next();
    // Every call has exactly one result, in the order of the calls.
    const results = next.messages.filter((message) => message.role === 'tool');
    expect(results).toHaveLength(3);
    expect(model.count).toBe(asked + 1);
    next.end();
    await api.reaches(run.id, 'succeeded');
    expect((await callsOf(run.id)).map(({ state }) => state)).toEqual(['completed', 'denied', 'completed']);
  });
});

describe('rows 11 and 12: calls of one tool', () => {
  it('with the same name and the same arguments are told apart by their ids, and each gets its own answer', async () => {
    const { api } = world();
    const turn = { toolCalls: [call('lookup', 1), call('lookup', 1), call('lookup', 1)] };
    const run = await world().script([turn, turn, { text: 'done' }], { tools: [lookup] });
    const seen = new Set<string>();
    for (const round of ['a', 'b']) {
      const waits = await waitsOf(run.id);
      expect(new Set(waits.map((wait) => wait.callId)).size).toBe(3);
      for (const wait of waits) expect(seen.has(wait.id) || !seen.add(wait.id)).toBe(false);
      for (const [n, wait] of waits.toReversed().entries())
        await api.answer(wait.id, { output: `${round}${n}` });
    }
    await api.reaches(run.id, 'succeeded');
    expect(seen.size).toBe(6);
    expect((await callsOf(run.id)).map(({ output }) => output)).toEqual(['a2', 'a1', 'a0', 'b2', 'b1', 'b0']);
  });
});

describe('rows 13 and 16: what was answered', () => {
  it('is not asked again after a pause, another answer, a restart of the server and a resume', async () => {
    await using own = await testWorld();
    const { api, target } = own;
    const turn = { toolCalls: [call('pay', 1), call('lookup', 2)] };
    const run = await own.script([turn, { toolCalls: [call('lookup', 3)] }, { text: 'done' }], {
      tools: [pay(target.url), lookup],
    });
    const [approval, output] = await waitsOf(run.id, own);
    await api.answer(approval?.id ?? '', approve(approval as Wait));
    await api.event(run.id, 'tool.completed');
    await api.command(run.id, 'pause');
    await own.servers[0]?.close();
    const again = api.at((await own.addServer()).url);
    await again.command(run.id, 'resume');
    expect(await again.run(run.id)).toMatchObject({ status: 'waiting', openWaits: [{ id: output?.id }] });
    await again.answer(output?.id ?? '', { output: 'here' });
    await again.event(run.id, (event) => event.type === 'wait.opened' && isThird(event));
    const third = only(await again.openWaits(run.id));
    expect(third.args).toEqual({ n: 3 });
    await again.answer(third.id, { output: 'there' });
    await again.reaches(run.id, 'succeeded');
    const opened = (await again.types(run.id)).filter((type) => type === 'wait.opened');
    expect([opened.length, target.seen.length]).toEqual([3, 1]);
  });

  it('continues its own run, and starts no other', async () => {
    const { api } = world();
    const run = await world().script([{ toolCalls: [call('lookup', 1)] }, { text: 'done' }], {
      tools: [lookup],
    });
    const runs = async (): Promise<number> =>
      (await api.call<{ data: unknown[] }>('GET', `/v1/runs?createdAfter=${run.createdAt}&limit=100`)).data
        .length;
    const before = await runs();
    await api.answer(only(await waitsOf(run.id)).id, { output: 1 });
    expect((await api.reaches(run.id, 'succeeded')).id).toBe(run.id);
    expect(await runs()).toBe(before);
  });
});

describe('row 17: a decision', () => {
  it('that can execute nothing is an event with the reason, which the model sees', async () => {
    const { api } = world();
    // Approved as it should be, and then the address may not be reached.
    const unreachable = pay('http://10.255.255.1');
    const run = await world().script([{ toolCalls: [call('pay', 1)] }, { text: 'done' }], {
      tools: [unreachable],
    });
    const wait = only(await waitsOf(run.id));
    await api.answer(wait.id, approve(wait));
    await api.reaches(run.id, 'succeeded');
    const [made] = await callsOf(run.id);
    expect(made).toMatchObject({ state: 'failed', approved: true, error: { code: 'blocked' } });
    const failed = (await api.events(run.id)).find((event) => event.type === 'tool.failed');
    expect(failed?.data).toMatchObject({ callId: wait.callId, error: made?.error });
  });
});

describe('row 18: an empty resume', () => {
  it('is legal, and a second pause of the same run resumes as the first did', async () => {
    const { api } = world();
    const turn = { toolCalls: [call('lookup', 1)] };
    const run = await world().script([turn, turn, { text: 'done' }], { tools: [lookup] });
    for (let round = 0; round < 2; round++) {
      const wait = only(await waitsOf(run.id));
      await api.command(run.id, 'pause');
      const empty = await api.request('POST', `/v1/runs/${run.id}/resume`);
      expect([empty.status, (await api.run(run.id)).status]).toEqual([200, 'waiting']);
      await api.answer(wait.id, { output: round });
      await api.event(run.id, (event) => event.type === 'turn.started' && event.data.turn === round + 2);
    }
    await api.reaches(run.id, 'succeeded');
  });
});

function isThird(event: RunEvent): boolean {
  return event.type === 'wait.opened' && JSON.stringify(event.data.args) === '{"n":3}';
}
