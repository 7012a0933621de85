import type { Run, RunEvent, Wait } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { ASK, childrenOf, comesTo, DELEGATE, delegating, QUESTION } from '../../world/delegating.ts';
import { eventually } from '../../world/eventually.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld();

/** A run that delegates, and then reports. */
function start(first: Body, more: Body = {}): Promise<Run> {
  return world().script([first, { text: 'I have it.' }], { tools: [DELEGATE], ...more });
}

async function onlyChild(runId: string): Promise<Run> {
  return only(await childrenOf(world().api, runId));
}

/** What came of the calls, in the model's order. */
async function results(runId: string): Promise<unknown[]> {
  const messages = await world().api.messages(runId);
  return messages.flatMap((message) => (message.calls ?? []).map((call) => call.output ?? call.error));
}

function ofType(events: readonly RunEvent[], type: string): RunEvent[] {
  return events.filter((event) => event.type === type);
}

describe('a run that delegates', () => {
  it('waits for its child without a process, and gets its output', async () => {
    const { api } = world();
    const mission = await api.call<{ id: string }>('POST', '/v1/missions', {
      name: 'greetings',
      mode: 'managed',
    });
    const run = await start(delegating({ input: 'Say hello.', script: [{ text: 'You said: {{input}}' }] }), {
      missionId: mission.id,
      limits: { maxTurns: 10 },
    });
    expect(await api.parked(run.id)).toMatchObject({ status: expect.stringMatching(/waiting|succeeded/) });
    const child = await onlyChild(run.id);
    expect(await api.run(child.id)).toMatchObject({
      parentId: run.id,
      title: 'Say hello.',
      input: 'Say hello.',
      createdBy: run.createdBy,
      missionId: mission.id,
      limits: { maxTurns: 9 },
    });
    await comesTo(api, run.id, 'succeeded');
    expect(await results(run.id)).toEqual(['You said: Say hello.']);
    const types = (await api.types(run.id)).filter((type) => type !== 'child.changed');
    const middle = types.slice(types.indexOf('message.completed'), types.indexOf('turn.completed'));
    expect(middle.filter((type) => type !== 'run.waiting')).toEqual([
      'message.completed',
      'wait.opened',
      'child.started',
      'child.finished',
      'wait.resolved',
      'tool.completed',
    ]);
    const events = await api.events(run.id);
    expect(ofType(events, 'child.started')[0]?.data).toMatchObject({ childRunId: child.id });
    const told = ofType(events, 'child.changed').map((event) =>
      JSON.stringify({ ...event.data, childSeq: 0 }),
    );
    expect(new Set(told).size).toBe(told.length);
  });

  it('to several at once has them work side by side, and goes on when the last has ended', async () => {
    const run = await start(
      delegating(
        { script: [{ text: 'one' }] },
        {
          script: [QUESTION, { text: 'two' }],
          tools: [ASK],
        },
        { script: [{ error: { status: 400, message: 'no such model' } }] },
      ),
    );
    const { api } = world();
    const asked = await eventually(
      async () => (await api.run(run.id)).openWaits.find((wait) => wait.kind === 'input'),
      { what: 'the question of the second' },
    );
    await eventually(async () => (await api.run(run.id)).openWaits.length === 2, {
      what: 'the others have ended',
    });
    await api.answer(asked.id, { value: 'this' });
    await comesTo(api, run.id, 'succeeded');
    expect(await results(run.id)).toEqual([
      'one',
      'two',
      { code: 'child_failed', message: expect.stringContaining('no such model') },
    ]);
  });

  it('to a saved agent uses it as it is now; one of another organization is not there', async () => {
    const { api, stranger } = world();
    const fields = { name: 'Poet', model: 'script/poet', script: [{ text: 'a poem' }] };
    const own = await api.call<{ id: string }>('POST', '/v1/agents', fields);
    const foreign = await stranger.call<{ id: string }>('POST', '/v1/agents', fields);
    const run = await start({
      toolCalls: [own, foreign].map(({ id }) => ({ tool: 'delegate', args: { input: 'Rhyme.', agent: id } })),
    });
    await comesTo(api, run.id, 'succeeded');
    expect(await results(run.id)).toEqual([
      'a poem',
      { code: 'tool_failed', message: 'There is no such agent' },
    ]);
    expect(only(await childrenOf(api, run.id)).agent).toMatchObject({ id: own.id, version: 1, name: 'Poet' });
  });

  it('to one like itself comes to an end: runs stand eight deep, and the last is told', async () => {
    const { api } = world();
    const run = await start({ toolCalls: [{ tool: 'delegate', args: { input: 'And so on.' } }] });
    await comesTo(api, run.id, 'succeeded');
    let depth = 0;
    let last = run;
    for (;;) {
      const { data } = await api.call<{ data: Run[] }>('GET', `/v1/runs?parent=${last.id}`);
      if (data[0] === undefined) break;
      last = data[0];
      depth += 1;
    }
    expect(depth).toBe(8);
    expect(await results(last.id)).toEqual([
      { code: 'tool_failed', message: 'runs delegate at most 8 deep; do the task yourself' },
    ]);
  });

  it('lends its own tools with their secrets, and none that the model has thought of', async () => {
    const { api, target } = world();
    const http = { url: `${target.url}/lent`, headers: { 'x-key': '{{secrets.key}}' } };
    const pay = { type: 'http', name: 'pay', idempotent: true, http };
    const script = [{ toolCalls: [{ tool: 'pay' }] }, { text: 'paid' }];
    const run = await start(
      delegating({ script, tools: ['pay'] }, { script, tools: [{ ...pay, name: 'pay2' }] }),
      { tools: [DELEGATE, pay], secrets: { key: 'hidden' } },
    );
    await comesTo(api, run.id, 'succeeded');
    const [first, second] = await results(run.id);
    expect(first).toBe('paid');
    expect(second).toMatchObject({ code: 'tool_failed' });
    const child = await onlyChild(run.id);
    expect(target.seen.find((request) => request.path === '/lent')?.headers['x-key']).toBe('hidden');
    expect(JSON.stringify(await api.events(child.id))).not.toContain('hidden');
  });

  it('tells the model when it cannot: no agent of that kind of tool, nothing left of a limit', async () => {
    const { api } = world();
    const run = await start(delegating({ script: [{ text: 'x' }] }), {
      limits: { maxTurns: 1 },
      onLimit: 'fail',
    });
    await comesTo(api, run.id, 'failed');
    expect(await results(run.id)).toEqual([
      { code: 'tool_failed', message: 'nothing is left of maxTurns (1)' },
    ]);
  });
});

describe('what a child asks', () => {
  const COUNT = {
    toolCalls: [{ tool: 'ask_user', args: { question: 'Which?', schema: { type: 'integer' } } }],
  };
  /** Three levels; the lowest asks. */
  async function askingBelow(): Promise<{ run: Run; wait: Wait }> {
    const { api } = world();
    const leaf = { script: [COUNT, { text: 'thanks' }], tools: [ASK] };
    const run = await start(
      delegating({ script: [delegating(leaf), { text: 'done' }], tools: ['delegate', ASK] }),
    );
    const open = await eventually(
      async () => (await api.run(run.id)).openWaits.find((wait) => wait.kind === 'input'),
      { what: 'the question is seen at the top' },
    );
    return { run, wait: await api.wait(open.id) };
  }

  it('is seen at the parent, and answered there by call id; the command is on the child alone', async () => {
    const { api } = world();
    const { run, wait } = await askingBelow();
    const { callId } = wait;
    const before = (await api.run(run.id)).openWaits.map((open) => [open.kind, open.runId === run.id]);
    expect(before).toEqual([
      ['run', true],
      ['run', false],
      ['input', false],
    ]);
    const path = `/v1/runs/${run.id}/calls/${callId}/answer`;
    expect(await api.refused('POST', path, { value: 'text' })).toMatchObject({ code: 'invalid_request' });
    const reply = await api.answerCall(run.id, callId ?? '', { value: 3 });
    expect(reply).toMatchObject({
      changed: true,
      run: { id: wait.runId },
      wait: { id: wait.id, state: 'resolved' },
    });
    expect(await api.answerCall(run.id, callId ?? '', { value: 3 })).toMatchObject({ changed: false });
    await comesTo(api, run.id, 'succeeded');
    expect(await results(run.id)).toEqual(['done']);
    expect((await api.run(run.id)).openWaits).toEqual([]);
  });

  it('is not answered by a resume or message of the parent, nor by answering the wait for the child', async () => {
    const { api } = world();
    const { run, wait } = await askingBelow();
    for (const target of [{ waitId: wait.id }, { callId: wait.callId }]) {
      const body = { answers: [{ ...target, value: 3 }] };
      expect(await api.refused('POST', `/v1/runs/${run.id}/resume`, body)).toMatchObject({
        code: 'invalid_request',
        detail: expect.stringContaining(wait.runId),
      });
    }
    const own = only(await api.openWaits(run.id));
    for (const body of [{ value: 3 }, { output: 3 }]) {
      expect(await api.refused('POST', `/v1/waits/${own.id}/answer`, body)).toMatchObject({
        code: 'invalid_request',
      });
      const path = `/v1/runs/${run.id}/calls/${own.callId ?? ''}/answer`;
      expect(await api.refused('POST', path, body)).toMatchObject({ code: 'invalid_request' });
    }
    expect((await api.wait(wait.id)).state).toBe('open');
    await api.command(run.id, 'cancel');
  });

  it('may be answered before it is asked, and by nobody of another organization', async () => {
    const { api, stranger } = world();
    const script = [{ ...COUNT, delayMs: 300 }, { text: 'thanks' }];
    const run = await start(delegating({ script, tools: [{ ...ASK, approval: 'always' }] }));
    const child = await onlyChild(run.id);
    const callId = `call_${child.number.toString(36)}_1_1`;
    const approval = await eventually(
      async () => (await api.run(run.id)).openWaits.find((open) => open.kind === 'approval'),
      { what: 'the approval is asked' },
    );
    const path = `/v1/runs/${run.id}/calls/${callId}/answer`;
    expect(await stranger.refused('POST', path, { value: 1 })).toMatchObject({ code: 'not_found' });
    await api.answerCall(run.id, callId, { value: 1 });
    const { digest } = await api.wait(approval.id);
    await api.answer(approval.id, { decision: 'approve', digest: digest ?? '' });
    await comesTo(api, run.id, 'succeeded');
  });
});
