import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld({ servers: 2 });

const lookup: Body = { type: 'client', name: 'lookup' };
const asks = (tool: string, n = 0): Body => ({ toolCalls: [{ tool, args: { n } }] });

describe('row 33: an answer', () => {
  it('is followed by the run within seconds, at whichever server it comes', async () => {
    const { api, second } = world();
    for (let round = 0; round < 10; round++) {
      const run = await world().script([asks('lookup'), { text: 'done' }], { tools: [lookup] });
      const { openWaits } = await api.reaches(run.id, 'waiting');
      await (round % 2 === 0 ? api : second).answer(only(openWaits).id, { output: round });
      await api.reaches(run.id, 'succeeded');
      const events = await api.events(run.id);
      const at = (type: string): number =>
        Date.parse(events.findLast((event) => event.type === type)?.at ?? '');
      expect(at('turn.started') - at('wait.resolved')).toBeLessThan(3_000);
    }
  });
});

describe('row 35: a pause', () => {
  it('is a promise: after its reply no step begins, and its end is seen', async () => {
    const { api, second, target } = world();
    const http = { url: `${target.url}/work` };
    const tools = [{ type: 'http', name: 'work', idempotent: true, http }];
    const turns = Array.from({ length: 40 }, (_, n) => asks('work', n));
    for (let round = 0; round < 6; round++) {
      const run = await world().script([...turns, { text: 'done' }], { tools });
      await api.event(run.id, (event) => event.type === 'turn.started' && event.data.turn === round + 1);
      const client = round % 2 === 0 ? api : second;
      const paused = await client.command(run.id, 'pause');
      await api.reaches(run.id, 'paused');
      const since = (await api.events(run.id)).filter((event) => event.seq > paused.run.head);
      const begun = since.filter((event) => event.type === 'turn.started' || event.type === 'tool.started');
      expect(begun).toEqual([]);
      const ends = since.filter((event) => event.type === 'run.paused');
      expect(ends).toHaveLength(paused.run.status === 'paused' ? 0 : 1);
      await api.command(run.id, 'cancel');
    }
  });
});

describe('row 36: a message while a question is open', () => {
  it('is never taken for the answer: it says whether it queues behind the question or replaces it', async () => {
    const { api } = world();
    const ask = { toolCalls: [{ tool: 'ask_user', args: { question: 'Which size?' } }] };
    const run = await world().script([ask, { text: 'done' }], {
      tools: [{ type: 'builtin', name: 'ask_user' }],
    });
    const wait = only((await api.reaches(run.id, 'waiting')).openWaits);
    const path = `/v1/runs/${run.id}/messages`;
    expect(await api.refused('POST', path, { content: 'L' })).toMatchObject({
      code: 'waits_open',
      openWaits: [{ id: wait.id }],
    });
    await api.command(run.id, 'messages', { content: 'by the way', onWaiting: 'queue' });
    expect((await api.wait(wait.id)).state).toBe('open');
    await api.command(run.id, 'messages', { content: 'never mind', onWaiting: 'supersede' });
    expect((await api.wait(wait.id)).state).toBe('superseded');
    await api.reaches(run.id, 'succeeded');
  });
});

describe('row 40: a question that nobody answers', () => {
  it('has no deadline of its own making: without a ladder it stays open', async () => {
    const { api } = world();
    const run = await world().script([asks('lookup'), {}], { tools: [lookup] });
    const { openWaits } = await api.reaches(run.id, 'waiting');
    expect(await api.wait(only(openWaits).id)).toMatchObject({ deadline: [], deadlineAt: null });
    await api.command(run.id, 'cancel');
  });
});

describe('row 43: the id of a wait', () => {
  it('opens nothing to a stranger, or to nobody, and tells neither that it is there', async () => {
    const { api, stranger, viewer } = world();
    const run = await world().script([asks('lookup'), {}], { tools: [lookup] });
    const { id } = only((await api.reaches(run.id, 'waiting')).openWaits);
    const path = `/v1/waits/${id}/answer`;
    const { instance: _a, ...real } = await stranger.refused('POST', path, { output: 1 });
    const { instance: _b, ...none } = await stranger.refused('POST', '/v1/waits/wait_none/answer', {
      output: 1,
    });
    expect(real).toEqual(none);
    expect(await viewer.refused('POST', path, { output: 1 })).toMatchObject({ code: 'forbidden' });
    const nobody = await api.request('POST', path, { body: { output: 1 }, headers: { authorization: '' } });
    expect(nobody.status).toBe(401);
    expect((await api.wait(id)).state).toBe('open');
    await api.command(run.id, 'cancel');
  });
});
