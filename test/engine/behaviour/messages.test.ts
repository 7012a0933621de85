import type { Run, SendMessageReply } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld();

function send(runId: string, body: Body): Promise<SendMessageReply> {
  return world().api.command<SendMessageReply>(runId, 'messages', body);
}

async function texts(runId: string): Promise<string[]> {
  const messages = await world().api.messages(runId);
  return messages.map((message) => {
    const said = message.parts.map((part) => ('text' in part ? part.text : part.type)).join('');
    return `${message.role}: ${said}`;
  });
}

async function waitingRun(): Promise<Run> {
  const { api } = world();
  const run = await api.start({
    model: 'gated/m',
    input: 'go',
    tools: [
      { type: 'client', name: 'lookup' },
      { type: 'client', name: 'other' },
    ],
  });
  (await world().model.next()).ask({ tool: 'lookup', args: {} }, { tool: 'other', args: {} });
  return api.reaches(run.id, 'waiting');
}

describe('a message', () => {
  it('that comes while the model speaks is taken in at the next turn', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'one' });
    const first = await model.next();
    first.say('first');
    const sent = await send(run.id, { content: 'two' });
    expect(sent).toMatchObject({ changed: true, run: { status: 'running' }, message: { id: null } });
    first.end();
    const second = await model.next();
    expect(second.messages.map((message) => message.content)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('one') as string,
        expect.stringContaining('two') as string,
      ]),
    );
    second.say('second');
    second.end();
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({ turn: 2, output: 'second' });
    // It stands where the model first hears it, not inside the answer that it came upon.
    expect(await texts(run.id)).toEqual(['user: one', 'assistant: first', 'user: two', 'assistant: second']);
  });

  it('to a run that waits must say what becomes of the waits', async () => {
    const { api } = world();
    const run = await waitingRun();
    const problem = await api.refused('POST', `/v1/runs/${run.id}/messages`, { content: 'hello?' });
    expect(problem).toMatchObject({ status: 409, code: 'waits_open', currentStatus: 'waiting' });
    expect(problem.openWaits).toHaveLength(2);
    expect((await api.run(run.id)).head).toBe(run.head);
    await api.command(run.id, 'cancel');
  });

  it('that queues behind the waits is read when they are answered', async () => {
    const { api, model } = world();
    const run = await waitingRun();
    expect(await send(run.id, { content: 'and hurry', onWaiting: 'queue' })).toMatchObject({
      run: { status: 'waiting' },
    });
    for (const wait of await api.openWaits(run.id)) await api.answer(wait.id, { output: 'x' });
    const second = await model.next();
    expect(JSON.stringify(second.messages)).toContain('and hurry');
    second.end();
    await api.parked(run.id);
  });

  it('that supersedes closes the waits, and the model is told', async () => {
    const { api, model } = world();
    const run = await waitingRun();
    const waits = await api.openWaits(run.id);
    expect(await send(run.id, { content: 'never mind', onWaiting: 'supersede' })).toMatchObject({
      changed: true,
      run: { openWaits: [] },
    });
    const second = await model.next();
    const heard = JSON.stringify(second.messages);
    expect(heard).toContain('never mind');
    expect(heard.match(/superseded by a message/g)).toHaveLength(2);
    second.say('fine');
    second.end();
    await api.reaches(run.id, 'succeeded');
    for (const wait of waits) expect(await api.wait(wait.id)).toMatchObject({ state: 'superseded' });
    const problem = await api.refused('POST', `/v1/waits/${waits[0]?.id ?? ''}/answer`, { output: 1 });
    expect(problem).toMatchObject({ code: 'wait_closed', winner: { outcome: 'superseded' } });
  });

  it('to a paused run is read after the resume', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go' });
    const first = await model.next();
    first.say('first');
    await api.command(run.id, 'pause');
    first.end();
    await api.reaches(run.id, 'paused');
    expect(await send(run.id, { content: 'meanwhile' })).toMatchObject({ run: { status: 'paused' } });
    await api.command(run.id, 'resume');
    const second = await model.next();
    expect(JSON.stringify(second.messages)).toContain('meanwhile');
    second.end();
    await api.parked(run.id);
  });

  it('may release the hold of the operator itself', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go' });
    const first = await model.next();
    await api.command(run.id, 'pause', { at: 'now' });
    await first.closed;
    expect(await send(run.id, { content: 'go on', resume: true })).toMatchObject({
      changed: true,
      run: { holds: [] },
    });
    const second = await model.next();
    expect(JSON.stringify(second.messages)).toContain('go on');
    second.end();
    await api.parked(run.id);
  });

  it('may come with the resume, after the answers', async () => {
    const { api, model } = world();
    const run = await waitingRun();
    const waits = await api.openWaits(run.id);
    const body = {
      answers: waits.map((wait) => ({ waitId: wait.id, output: 'known' })),
      messages: [{ role: 'system', content: 'be brief' }, { content: [{ type: 'text', text: 'and kind' }] }],
    };
    await api.command(run.id, 'resume', body);
    const second = await model.next();
    const heard = JSON.stringify(second.messages);
    expect(heard).toContain('be brief');
    expect(heard).toContain('and kind');
    second.end();
    await api.parked(run.id);
  });

  it('to a run that has ended is refused, unless it reopens it', async () => {
    const { api } = world();
    const run = await api.start({ input: 'first' });
    const ended = await api.reaches(run.id, 'succeeded');
    expect(await api.refused('POST', `/v1/runs/${run.id}/messages`, { content: 'more' })).toMatchObject({
      code: 'invalid_transition',
      currentStatus: 'succeeded',
    });
    const reopened = await send(run.id, { content: 'second', reopen: true });
    expect(reopened).toMatchObject({ changed: true, run: { finishedAt: null, output: null } });
    const again = await api.reaches(run.id, 'succeeded');
    expect(again).toMatchObject({ output: 'second', turn: 2 });
    expect(again.usage.turns).toBe(ended.usage.turns + 1);
    expect(await texts(run.id)).toEqual([
      'user: first',
      'assistant: first',
      'user: second',
      'assistant: second',
    ]);
  });

  it('reopens a cancelled run, whose open calls get a result', async () => {
    const { api, model } = world();
    const run = await waitingRun();
    await api.command(run.id, 'cancel', { reason: 'wrong' });
    await send(run.id, { content: 'try again', reopen: true });
    const second = await model.next();
    expect(JSON.stringify(second.messages).match(/the run was cancelled/g)).toHaveLength(2);
    second.say('ok');
    second.end();
    await api.reaches(run.id, 'succeeded');
  });

  it('with the client’s own id counts once', async () => {
    const { api } = world();
    const run = await api.start({ input: 'x', startAt: new Date(Date.now() + 3_600_000).toISOString() });
    const first = await send(run.id, { content: 'once', messageId: 'm-1' });
    expect(first).toMatchObject({ changed: true, message: { id: 'm-1' } });
    const second = await send(run.id, { content: 'another text', messageId: 'm-1' });
    expect(second).toMatchObject({ changed: false, message: { id: 'm-1', seq: first.message.seq } });
    const resume = { messages: [{ content: 'once' }], messageId: 'm-1' };
    expect(await api.command(run.id, 'resume', resume)).toMatchObject({ changed: false });
    const received = (await api.events(run.id)).filter((event) => event.type === 'message.received');
    expect(received.map((event) => event.data).at(-1)).toMatchObject({
      messageId: 'm-1',
      parts: [{ text: 'once' }],
    });
    expect(received).toHaveLength(1);
    await api.command(run.id, 'cancel');
  });

  it('may name the model from the next turn on', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go' });
    const first = await model.next();
    await send(run.id, { content: 'echo me', model: 'script/echo' });
    first.say('x');
    first.end();
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'echo me' });
  });

  it('of any JSON is taken as its text', async () => {
    const { api } = world();
    for (const [input, output] of [
      [{ a: 1 }, '{"a":1}'],
      [[1, 2], '[1,2]'],
      [42, '42'],
      [{ messages: [{ role: 'user', content: 'said' }] }, 'said'],
      [[{ type: 'text', text: 'part' }], 'part'],
    ]) {
      const run = await api.start({ input });
      expect((await api.reaches(run.id, 'succeeded')).output).toBe(output);
    }
  });

  it('with an answer to a wait in doubt open may not supersede', async () => {
    const { api, target } = world();
    const run = await world().script([{ toolCalls: [{ tool: 'pay' }] }, { text: 'x' }], {
      tools: [{ type: 'http', name: 'pay', http: { url: `${target.url}/doubt` } }],
    });
    const before = target.handler;
    target.handler = (_request, response) => void response.destroy();
    await api.reaches(run.id, 'waiting');
    target.handler = before;
    expect(only(await api.openWaits(run.id)).kind).toBe('in_doubt');
    const body = { content: 'never mind', onWaiting: 'supersede' };
    expect(await api.refused('POST', `/v1/runs/${run.id}/messages`, body)).toMatchObject({
      code: 'waits_open',
    });
    await api.answer(only(await api.openWaits(run.id)).id, { outcome: 'skip' });
    await api.reaches(run.id, 'succeeded');
  });
});
