import type { Hold, Run, RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { answerJson, type ToolTarget } from '../../world/tool-target.ts';

const world = sharedWorld();

const names = (run: Run): string[] => run.holds.map((hold: Hold) => hold.name);

function payment(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { type: 'http', name: 'pay', http: { url: `${world().target.url}/pay` }, ...more };
}

const PAY = { toolCalls: [{ tool: 'pay', args: { amount: 1 } }] };

/** Holds the answers of the tool target back until they are let go. */
function hold(target: ToolTarget, runId: () => string): { arrived: Promise<void>; letGo(): void } {
  const before = target.handler;
  const answers: (() => void)[] = [];
  let tell = (): void => undefined;
  const arrived = new Promise<void>((resolve) => {
    tell = resolve;
  });
  target.handler = (request, response) => {
    if (!request.key.startsWith(runId())) return before(request, response);
    answers.push(() => answerJson(response, { paid: true }));
    tell();
  };
  return {
    arrived,
    letGo() {
      target.handler = before;
      for (const answer of answers) answer();
    },
  };
}

async function since(runId: string, seq: number): Promise<string[]> {
  const events = await world().api.events(runId);
  return events
    .filter((event) => event.seq > seq && event.type !== 'message.delta')
    .map((event) => event.type);
}

describe('a pause at a checkpoint', () => {
  it('lets the model finish; it is seen pausing, then paused, and the run goes on where it was', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go' });
    const call = await model.next();
    call.say('Hel');
    const delta = await api.event(run.id, 'message.delta');
    const paused = await api.command(run.id, 'pause', { reason: 'lunch' });
    expect(paused).toMatchObject({
      changed: true,
      run: { status: 'pausing', holds: [{ name: 'operator', reason: 'lunch' }] },
    });
    expect(await api.run(run.id)).toMatchObject({ status: 'pausing' });
    expect(await api.command(run.id, 'pause', { reason: 'again' })).toMatchObject({ changed: false });

    call.say('lo');
    call.end();
    const parked = await api.reaches(run.id, 'paused');
    expect(parked).toMatchObject({ output: null, checkpoint: { label: 'turn-2/before-model' } });
    expect(await since(run.id, delta.seq)).toEqual([
      'hold.placed',
      'run.pausing',
      'message.completed',
      'turn.completed',
      'run.paused',
    ]);
    const calls = model.count;
    expect(await api.command(run.id, 'resume', { reason: 'back' })).toMatchObject({
      changed: true,
      run: { holds: [] },
    });
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'Hello' });
    expect(model.count).toBe(calls);
    const resumed = (await api.events(run.id)).find((event) => event.type === 'run.resumed');
    expect(resumed?.data).toMatchObject({ reason: 'back', by: { name: 'admin' } });
  });

  it('lets a tool call finish, and is not asked for its result again', async () => {
    const { api, target } = world();
    let id = '';
    const gate = hold(target, () => id);
    const run = await world().script([PAY, { text: 'done' }], { tools: [payment()] });
    id = run.id;
    await gate.arrived;
    expect(await api.command(run.id, 'pause')).toMatchObject({ run: { status: 'pausing' } });
    gate.letGo();
    expect(await api.reaches(run.id, 'paused')).toMatchObject({
      checkpoint: { label: 'turn-2/before-model' },
    });
    await api.command(run.id, 'resume');
    await api.reaches(run.id, 'succeeded');
    expect(target.seen.filter((request) => request.key.startsWith(run.id))).toHaveLength(1);
  });

  it('that is released before it is reached is never logged as paused', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go' });
    const call = await model.next();
    await api.command(run.id, 'pause');
    expect(await api.command(run.id, 'resume')).toMatchObject({ changed: true, run: { status: 'running' } });
    call.say('on');
    call.end();
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'on' });
    const types = await api.types(run.id);
    expect(types).toContain('run.pausing');
    expect(types).not.toContain('run.paused');
  });
});

describe('a pause now', () => {
  it('aborts the model call in one commit; after the resume it is made again', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go' });
    const first = await model.next();
    first.say('Half an ans');
    const delta = await api.event(run.id, 'message.delta');
    expect(await api.command(run.id, 'pause', { at: 'now' })).toMatchObject({
      changed: true,
      run: { status: 'paused' },
    });
    await first.closed;
    const after = (await api.events(run.id)).filter(
      (event) => event.seq > delta.seq && event.type !== 'message.delta',
    );
    expect(after.map((event) => event.type)).toEqual([
      'hold.placed',
      'run.pausing',
      'segment.returned',
      'run.paused',
    ]);
    expect(new Set(after.map((event) => event.at)).size).toBe(1);

    await api.command(run.id, 'resume');
    const second = await model.next();
    second.say('A whole answer');
    second.end();
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'A whole answer', turn: 1 });
    const attempts = (await api.events(run.id)).filter((event) => event.type === 'turn.started');
    expect(attempts.map((event) => event.data)).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
  });

  it('may sharpen one at a checkpoint', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go' });
    const call = await model.next();
    expect(await api.command(run.id, 'pause')).toMatchObject({ run: { status: 'pausing' } });
    expect(await api.command(run.id, 'pause', { at: 'now' })).toMatchObject({
      changed: true,
      run: { status: 'paused' },
    });
    await call.closed;
    await api.command(run.id, 'cancel');
  });

  it('leaves a tool call in doubt, which a person decides: done, with its result', async () => {
    const { api, target } = world();
    let id = '';
    const gate = hold(target, () => id);
    const run = await world().script([PAY, { text: 'done' }], { tools: [payment()] });
    id = run.id;
    await gate.arrived;
    expect(await api.command(run.id, 'pause', { at: 'now' })).toMatchObject({ run: { status: 'paused' } });
    await api.command(run.id, 'resume');
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    expect(wait).toMatchObject({ kind: 'in_doubt', tool: 'pay', args: { amount: 1 } });
    await api.answer(wait.id, { outcome: 'done', output: { paid: 'I looked it up' } });
    await api.reaches(run.id, 'succeeded');
    gate.letGo();
    expect(target.seen.filter((request) => request.key.startsWith(run.id))).toHaveLength(1);
  });

  it('leaves a tool call in doubt, which is done again under the same key where the person says so', async () => {
    const { api, target } = world();
    let id = '';
    const gate = hold(target, () => id);
    const run = await world().script([PAY, { text: 'done' }], { tools: [payment()] });
    id = run.id;
    await gate.arrived;
    await api.command(run.id, 'pause', { at: 'now' });
    await api.command(run.id, 'resume');
    await api.reaches(run.id, 'waiting');
    gate.letGo();
    await api.answer(only(await api.openWaits(run.id)).id, { outcome: 'retry' });
    await api.reaches(run.id, 'succeeded');
    const keys = target.seen
      .filter((request) => request.key.startsWith(run.id))
      .map((request) => request.key);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  it('makes a call that may be done twice again by itself, under the same key', async () => {
    const { api, target } = world();
    let id = '';
    const gate = hold(target, () => id);
    const run = await world().script([PAY, { text: 'done' }], { tools: [payment({ idempotent: true })] });
    id = run.id;
    await gate.arrived;
    await api.command(run.id, 'pause', { at: 'now' });
    gate.letGo();
    await api.command(run.id, 'resume');
    await api.reaches(run.id, 'succeeded');
    const keys = target.seen
      .filter((request) => request.key.startsWith(run.id))
      .map((request) => request.key);
    expect(keys).toEqual([keys[0], keys[0]]);
  });
});

describe('a pause', () => {
  it('between two attempts takes effect at once, and the turn is tried again after the resume', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go' });
    (await model.next()).fail(503, { 'retry-after': '30' });
    await api.event(run.id, 'turn.failed');
    expect(await api.command(run.id, 'pause')).toMatchObject({ run: { status: 'paused' } });
    await api.command(run.id, 'resume');
    const again = await model.next();
    again.say('ok');
    again.end();
    await api.reaches(run.id, 'succeeded');
  });

  it('of a run that waits stops it; the resume makes it wait again', async () => {
    const { api } = world();
    const run = await api.start({ model: 'script/approval', input: 'x' });
    await api.reaches(run.id, 'waiting');
    expect(await api.command(run.id, 'pause')).toMatchObject({
      run: { status: 'paused', openWaits: [{ kind: 'approval' }] },
    });
    expect(await api.command(run.id, 'resume')).toMatchObject({
      changed: true,
      run: { status: 'waiting', openWaits: [{ kind: 'approval' }] },
    });
    await api.command(run.id, 'cancel');
  });

  it('of a run that waits keeps its answers: they are recorded, and it stays paused', async () => {
    const { api } = world();
    const run = await api.start({ model: 'script/approval', input: 'x' });
    await api.reaches(run.id, 'waiting');
    await api.command(run.id, 'pause');
    const wait = only(await api.openWaits(run.id));
    const reply = await api.answer(wait.id, { decision: 'approve', digest: wait.digest ?? '' });
    expect(reply).toMatchObject({ changed: true, run: { status: 'paused', openWaits: [] } });
    expect(await api.types(run.id)).not.toContain('tool.started');
    await api.command(run.id, 'resume');
    await api.reaches(run.id, 'succeeded');
  });

  it('of a run that has not begun keeps it from beginning', async () => {
    const { api } = world();
    const run = await api.start({ input: 'x', startAt: new Date(Date.now() + 3_600_000).toISOString() });
    expect(run.status).toBe('queued');
    expect(await api.command(run.id, 'pause')).toMatchObject({ run: { status: 'paused' } });
    expect(await api.command(run.id, 'resume')).toMatchObject({ run: { status: 'queued' } });
    expect(await api.types(run.id)).not.toContain('run.started');
    await api.command(run.id, 'cancel');
  });

  it('of a run that has ended is refused, with its status', async () => {
    const { api } = world();
    const run = await api.start({ input: 'x' });
    await api.reaches(run.id, 'succeeded');
    for (const verb of ['pause', 'resume', 'cancel', 'retry']) {
      expect(await api.refused('POST', `/v1/runs/${run.id}/${verb}`, {})).toMatchObject({
        status: 409,
        code: 'invalid_transition',
        currentStatus: 'succeeded',
      });
    }
  });
});

describe('several holds', () => {
  async function pausedRun(): Promise<string> {
    const { api } = world();
    const run = await api.start({ model: 'script/approval', input: 'x' });
    await api.reaches(run.id, 'waiting');
    for (const name of ['operator', 'night', 'audit']) {
      expect(await api.command(run.id, 'pause', { hold: name, reason: `the ${name}` })).toMatchObject({
        changed: true,
      });
    }
    return run.id;
  }
  const released = (events: RunEvent[]): unknown[] =>
    events.flatMap((event) => (event.type === 'hold.released' ? [event.data.name] : []));

  it('are released one by one, by name; the run goes on when the last is gone', async () => {
    const { api } = world();
    const runId = await pausedRun();
    expect(names(await api.run(runId))).toEqual(['operator', 'night', 'audit']);
    const { run } = await api.command(runId, 'resume', { hold: 'night' });
    expect([run.status, names(run)]).toEqual(['paused', ['operator', 'audit']]);
    expect(await api.command(runId, 'resume', { hold: 'night' })).toMatchObject({ changed: false });
    await api.command(runId, 'resume', { hold: 'operator' });
    expect(await api.command(runId, 'resume', { hold: 'audit' })).toMatchObject({
      run: { status: 'waiting' },
    });
    const events = await api.events(runId);
    expect(released(events)).toEqual(['night', 'operator', 'audit']);
    expect(events.filter((event) => event.type === 'run.resumed')).toHaveLength(1);
    expect(events.filter((event) => event.type === 'run.paused')).toHaveLength(1);
    await api.command(runId, 'cancel');
  });

  it('are not released by a resume that names none, but for the operator’s own', async () => {
    const { api } = world();
    const runId = await pausedRun();
    const { run } = await api.command(runId, 'resume');
    expect([run.status, names(run)]).toEqual(['paused', ['night', 'audit']]);
    const problem = await api.refused('POST', `/v1/runs/${runId}/resume`, {});
    expect(problem).toMatchObject({ status: 409, code: 'held', currentStatus: 'paused' });
    expect(problem.holds?.map((held) => held.name)).toEqual(['night', 'audit']);
    await api.command(runId, 'cancel');
  });

  it('of which one stands keep the run paused whatever is answered', async () => {
    const { api } = world();
    const runId = await pausedRun();
    const wait = only(await api.openWaits(runId));
    await api.answer(wait.id, { decision: 'deny', digest: wait.digest ?? '' });
    await api.command(runId, 'resume');
    await api.command(runId, 'resume', { hold: 'night' });
    expect((await api.run(runId)).status).toBe('paused');
    await api.command(runId, 'resume', { hold: 'audit' });
    await api.reaches(runId, 'succeeded');
  });
});
