import { describe, expect, it } from 'vitest';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { answerJson } from '../../world/tool-target.ts';

const world = sharedWorld();

async function last(runId: string): Promise<Record<string, unknown>> {
  return (await world().api.events(runId)).at(-1) as unknown as Record<string, unknown>;
}

describe('a cancel', () => {
  it('ends a run that has not begun', async () => {
    const { api } = world();
    const run = await api.start({ input: 'x', startAt: new Date(Date.now() + 3_600_000).toISOString() });
    expect(await api.command(run.id, 'cancel', { reason: 'no need' })).toMatchObject({
      changed: true,
      run: { status: 'cancelled', endedBy: { actor: { name: 'admin' }, reason: 'no need' }, startedAt: null },
    });
    expect(await api.command(run.id, 'cancel')).toMatchObject({
      changed: false,
      run: { status: 'cancelled' },
    });
  });

  it('aborts the model call in flight', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'x' });
    const call = await model.next();
    call.say('I was about to');
    await api.event(run.id, 'message.delta');
    expect(await api.command(run.id, 'cancel')).toMatchObject({ run: { status: 'cancelled' } });
    await call.closed;
    expect((await api.types(run.id)).slice(-2)).toEqual(['segment.returned', 'run.cancelled']);
    expect(await last(run.id)).toMatchObject({ data: { wasPaused: false } });
  });

  it('while a tool is asked ends the run; what the tool did comes late and changes nothing', async () => {
    const { api, target } = world();
    let letGo = (): void => undefined;
    const before = target.handler;
    const arrived = new Promise<void>((resolve) => {
      target.handler = (_request, response) => {
        letGo = () => answerJson(response, { paid: true });
        resolve();
      };
    });
    const run = await world().script([{ toolCalls: [{ tool: 'pay' }] }, { text: 'x' }], {
      tools: [{ type: 'http', name: 'pay', http: { url: `${target.url}/pay` } }],
    });
    await arrived;
    target.handler = before;
    expect(await api.command(run.id, 'cancel')).toMatchObject({ run: { status: 'cancelled' } });
    letGo();
    const types = await api.types(run.id);
    expect(types.slice(types.indexOf('tool.started'))).toEqual([
      'tool.started',
      'segment.returned',
      'run.cancelled',
    ]);
    expect(await api.run(run.id)).toMatchObject({ status: 'cancelled' });
  });

  it('between two attempts of a turn ends the run, and the provider is not asked again', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'x' });
    (await model.next()).fail(503, { 'retry-after-ms': '600' });
    await api.event(run.id, 'turn.failed');
    const asked = model.count;
    expect(await api.command(run.id, 'cancel')).toMatchObject({ run: { status: 'cancelled' } });
    expect(await last(run.id)).toMatchObject({ type: 'run.cancelled', data: { wasPaused: false } });
    expect(model.count).toBe(asked);
  });

  it('of a run that waits cancels its waits', async () => {
    const { api } = world();
    const run = await api.start({ model: 'script/approval', input: 'x' });
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    expect(await api.command(run.id, 'cancel')).toMatchObject({
      run: { status: 'cancelled', openWaits: [] },
    });
    expect(await api.wait(wait.id)).toMatchObject({ state: 'cancelled' });
    const problem = await api.refused('POST', `/v1/waits/${wait.id}/answer`, {
      decision: 'deny',
      digest: wait.digest,
    });
    expect(problem).toMatchObject({ code: 'wait_closed', currentStatus: 'cancelled' });
  });

  it('of a paused run, and of one that is pausing, says so', async () => {
    const { api, model } = world();
    const paused = await api.start({ model: 'gated/m', input: 'x' });
    await model.next();
    await api.command(paused.id, 'pause', { at: 'now' });
    await api.command(paused.id, 'cancel');
    expect(await last(paused.id)).toMatchObject({ type: 'run.cancelled', data: { wasPaused: true } });

    const pausing = await api.start({ model: 'gated/m', input: 'x' });
    const call = await model.next();
    await api.command(pausing.id, 'pause');
    expect(await api.command(pausing.id, 'cancel')).toMatchObject({ run: { status: 'cancelled' } });
    await call.closed;
    expect(await last(pausing.id)).toMatchObject({ type: 'run.cancelled', data: { wasPaused: true } });
  });
});

describe('a run that fails', () => {
  it('for its provider is tried again, and then ends with the provider’s code', async () => {
    const { api } = world();
    const run = await world().script([{ error: { status: 400, message: 'the prompt is bad' } }]);
    const failed = await api.reaches(run.id, 'failed');
    expect(failed.error).toMatchObject({ code: 'provider_failed' });
    expect(failed.error?.message).toContain('the prompt is bad');
    expect(failed.finishedAt).not.toBeNull();
  });

  it('is done again from the failed step by retry', async () => {
    const { api, model } = world();
    const run = await api.start({
      model: 'gated/m',
      input: 'x',
      tools: [{ type: 'client', name: 'lookup' }],
    });
    (await model.next()).ask({ tool: 'lookup', args: {} });
    await api.reaches(run.id, 'waiting');
    await api.answer(only(await api.openWaits(run.id)).id, { output: 'kept' });
    (await model.next()).fail(401);
    await api.reaches(run.id, 'failed');
    const retried = await api.command(run.id, 'retry', { reason: 'key renewed' });
    expect(retried).toMatchObject({ changed: true, run: { error: null, finishedAt: null } });
    const again = await model.next();
    expect(JSON.stringify(again.messages)).toContain('kept');
    again.say('done');
    again.end();
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'done', turn: 2 });
    const types = await api.types(run.id);
    expect(types.filter((type) => type === 'tool.completed')).toHaveLength(1);
    expect(types).toEqual(expect.arrayContaining(['run.failed', 'run.reopened', 'run.succeeded']));
  });

  it('holds instead where the run says so, and goes on by resume', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'x', onProviderFailure: 'hold' });
    (await model.next()).fail(401);
    const held = await api.reaches(run.id, 'paused');
    expect(held.holds).toMatchObject([{ name: 'provider', by: { type: 'system' } }]);
    await api.command(run.id, 'resume');
    const again = await model.next();
    again.say('now');
    again.end();
    await api.reaches(run.id, 'succeeded');
  });

  it('for an answer that is not the promised result may be retried', async () => {
    const { api, model } = world();
    const output = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    const run = await api.start({ agent: { model: 'gated/m', output }, input: 'x' });
    const first = await model.next();
    first.say('seven');
    first.end();
    const second = await model.next();
    expect(JSON.stringify(second.messages.at(-1))).toMatch(/not a valid result/);
    second.say('{"n":"seven"}');
    second.end();
    expect(await api.reaches(run.id, 'failed')).toMatchObject({
      error: { code: 'invalid_output' },
      output: null,
    });
    await api.command(run.id, 'retry');
    const third = await model.next();
    third.say('{"n":7}');
    third.end();
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({ output: { n: 7 } });
  });

  it('is not retried unless it has failed', async () => {
    const { api } = world();
    const run = await api.start({ model: 'script/approval', input: 'x' });
    await api.reaches(run.id, 'waiting');
    expect(await api.refused('POST', `/v1/runs/${run.id}/retry`, {})).toMatchObject({
      code: 'invalid_transition',
      currentStatus: 'waiting',
    });
    await api.command(run.id, 'cancel');
  });

  it('of a script that has no turn left fails for good', async () => {
    const { api } = world();
    const run = await world().script([{ toolCalls: [{ tool: 'ask_user', args: { question: 'q' } }] }], {
      tools: [{ type: 'builtin', name: 'ask_user' }],
    });
    await api.reaches(run.id, 'waiting');
    await api.answer(only(await api.openWaits(run.id)).id, { value: 'a' });
    expect((await api.reaches(run.id, 'failed')).error?.code).toBe('provider_failed');
  });

  it('before any turn when its model has no key, or is not known', async () => {
    const { api } = world();
    for (const model of ['openai/gpt-5', 'anthropic/claude-x', 'nobody/knows', 'what-is-this']) {
      const run = await api.start({ model, input: 'x' });
      const failed = await api.reaches(run.id, 'failed');
      expect(failed.error?.code).toBe('provider_not_configured');
      expect(await api.types(run.id)).toEqual(['run.created', 'run.started', 'run.failed']);
    }
  });
});

describe('limits', () => {
  const NOTE = { toolCalls: [{ tool: 'note' }] };
  const tools = [{ type: 'client', name: 'note' }];

  async function answerAll(runId: string): Promise<void> {
    const { api } = world();
    await api.reaches(runId, 'waiting');
    for (const wait of await api.openWaits(runId)) await api.answer(wait.id, { output: 'ok' });
  }

  it('of turns fail the run', async () => {
    const { api } = world();
    const run = await world().script([NOTE, { text: 'never' }], {
      tools,
      limits: { maxTurns: 1 },
      onLimit: 'fail',
    });
    await answerAll(run.id);
    expect(await api.reaches(run.id, 'failed')).toMatchObject({
      error: { code: 'max_turns' },
      usage: { turns: 1 },
    });
  });

  it('of turns pause the run, whose resume grants the first amount again or raises it', async () => {
    const { api } = world();
    const turns = [NOTE, NOTE, NOTE, { text: 'at last' }];
    const run = await world().script(turns, { tools, limits: { maxTurns: 1 }, onLimit: 'pause' });
    await answerAll(run.id);
    expect((await api.reaches(run.id, 'paused')).holds).toMatchObject([{ name: 'budget' }]);
    await api.command(run.id, 'resume');
    await answerAll(run.id);
    expect((await api.reaches(run.id, 'paused')).limits).toMatchObject({ maxTurns: 2 });
    const released = (await api.events(run.id)).find((event) => event.type === 'hold.released');
    expect(released?.data).toMatchObject({ name: 'budget', granted: { maxTurns: 2 } });
    await api.command(run.id, 'resume', { limits: { maxTurns: 10 } });
    await answerAll(run.id);
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({
      limits: { maxTurns: 10 },
      usage: { turns: 4 },
    });
  });

  it('of tokens stop it before the next turn', async () => {
    const { api } = world();
    const usage = { inputTokens: 600, outputTokens: 500 };
    const more = { tools, limits: { maxTokens: 1_000 }, onLimit: 'fail' };
    const run = await world().script([{ ...NOTE, usage }, { text: 'never' }], more);
    await answerAll(run.id);
    expect(await api.reaches(run.id, 'failed')).toMatchObject({
      error: { code: 'budget_exhausted' },
      usage: { inputTokens: 600, outputTokens: 500 },
    });
  });

  it('of tool calls stop it before the call', async () => {
    const { api, target } = world();
    const http = [{ type: 'http', name: 'pay', http: { url: `${target.url}/pay` } }];
    const pay = { toolCalls: [{ tool: 'pay' }] };
    const more = { tools: http, limits: { maxToolCalls: 1 }, onLimit: 'pause' };
    const run = await world().script([pay, pay, { text: 'both' }], more);
    await api.reaches(run.id, 'paused');
    expect(target.seen.filter((request) => request.key.startsWith(run.id))).toHaveLength(1);
    await api.command(run.id, 'resume', { limits: { maxToolCalls: 5 } });
    await api.reaches(run.id, 'succeeded');
    expect(target.seen.filter((request) => request.key.startsWith(run.id))).toHaveLength(2);
  });

  it('of active time abort the step', async () => {
    const { api, model } = world();
    const run = await api.start({
      model: 'gated/m',
      input: 'x',
      limits: { maxActiveSeconds: 1 },
      onLimit: 'fail',
    });
    const call = await model.next();
    expect(await api.reaches(run.id, 'failed')).toMatchObject({ error: { code: 'timed_out' } });
    await call.closed;
  });

  it('of absolute time end a run that waits', async () => {
    const { api } = world();
    const deadlineAt = new Date(Date.now() + 1_500).toISOString();
    const run = await api.start({
      model: 'script/approval',
      input: 'x',
      limits: { deadlineAt },
      onLimit: 'fail',
    });
    expect(await api.finished(run.id)).toMatchObject({
      status: 'failed',
      error: { code: 'timed_out' },
      openWaits: [],
    });
  });

  it('do not count time in which the run is parked', async () => {
    const { api } = world();
    const run = await api.start({ model: 'script/approval', input: 'x', limits: { maxActiveSeconds: 3600 } });
    const waiting = await api.reaches(run.id, 'waiting');
    expect((await api.run(run.id)).usage.activeSeconds).toBe(waiting.usage.activeSeconds);
    await api.command(run.id, 'cancel');
  });
});
