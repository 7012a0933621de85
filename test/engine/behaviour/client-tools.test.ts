import type { Wait } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld();

const LOOKUP = {
  type: 'client',
  name: 'lookup',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const CITIES = ['Oslo', 'Rome', 'Lima', 'Pune', 'Bern'];

function lookups(cities: readonly string[]): Body {
  return { toolCalls: cities.map((city) => ({ tool: 'lookup', args: { city } })) };
}

/** A run that waits for these lookups, with its waits in the order of the calls. */
async function waitingRun(cities: readonly string[]): Promise<{ runId: string; waits: Wait[] }> {
  const { api } = world();
  const run = await world().script([lookups(cities), { text: 'all known' }], { tools: [LOOKUP] });
  await api.reaches(run.id, 'waiting');
  const waits = await api.openWaits(run.id);
  expect(waits).toHaveLength(cities.length);
  return { runId: run.id, waits };
}

async function outputs(runId: string): Promise<unknown[]> {
  const messages = await world().api.messages(runId);
  return messages.flatMap((message) => message.calls.map((call) => call.output ?? call.error));
}

describe('a client tool', () => {
  it('is carried out by the caller, who reports its output by wait id', async () => {
    const { api } = world();
    const run = await api.start({ model: 'script/client-tool', input: 'Paris', tools: [LOOKUP] });
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    expect(wait).toMatchObject({
      kind: 'tool_output',
      tool: 'lookup',
      args: { city: expect.any(String) as string },
    });
    await api.answer(wait.id, { output: { degrees: 21 } });
    expect((await api.reaches(run.id, 'succeeded')).output).toBe('lookup returned {"degrees":21}.');
    expect(await api.types(run.id)).not.toContain('tool.started');
  });

  it('is answered by call id just as well', async () => {
    const { api } = world();
    const { runId, waits } = await waitingRun(['Oslo']);
    const callId = only(waits).callId ?? '';
    expect(await api.answerCall(runId, callId, { output: 1 })).toMatchObject({
      changed: true,
      wait: { callId },
    });
    await api.reaches(runId, 'succeeded');
  });

  it('may report that it failed, and the model sees it', async () => {
    const { api } = world();
    const run = await api.start({ model: 'script/client-tool', input: 'x', tools: [LOOKUP] });
    await api.reaches(run.id, 'waiting');
    await api.answer(only(await api.openWaits(run.id)).id, { error: 'the map is gone' });
    expect((await api.reaches(run.id, 'succeeded')).output).toBe('lookup gave no result: the map is gone.');
  });

  it('of which several are called takes its answers in any order, each in a request of its own', async () => {
    const { api } = world();
    const { runId, waits } = await waitingRun(CITIES);
    const order = [3, 0, 4, 1, 2];
    for (const [done, index] of order.entries()) {
      const wait = waits[index];
      const { run } = await api.answer(wait?.id ?? '', { output: CITIES[index] ?? '' });
      if (done < order.length - 1) expect(run).toMatchObject({ status: 'waiting' });
      if (done < order.length - 1) expect(run.openWaits).toHaveLength(order.length - 1 - done);
    }
    await api.reaches(runId, 'succeeded');
    expect(await outputs(runId)).toEqual(CITIES);
  });

  it('takes answers that come all at once', async () => {
    const { api } = world();
    const { runId, waits } = await waitingRun(CITIES);
    const replies = await Promise.all(waits.map((wait, index) => api.answer(wait.id, { output: index })));
    expect(replies.every((reply) => reply.changed)).toBe(true);
    await api.reaches(runId, 'succeeded');
    expect(await outputs(runId)).toEqual([0, 1, 2, 3, 4]);
    const turns = (await api.events(runId)).filter((event) => event.type === 'turn.started');
    expect(turns).toHaveLength(2);
  });

  it('takes all answers in one resume, by wait id and by call id', async () => {
    const { api } = world();
    const { runId, waits } = await waitingRun(CITIES);
    const answers = waits.map((wait, index) =>
      index % 2 === 0 ? { waitId: wait.id, output: index } : { callId: wait.callId, output: index },
    );
    const before = (await api.run(runId)).head;
    const reply = await api.command(runId, 'resume', { answers: answers.toReversed() });
    expect(reply).toMatchObject({ changed: true, run: { openWaits: [] } });
    const resolved = (await api.events(runId)).filter(
      (event) => event.seq > before && event.type === 'wait.resolved',
    );
    expect(new Set(resolved.map((event) => event.at)).size).toBe(1);
    await api.reaches(runId, 'succeeded');
    expect(await outputs(runId)).toEqual([0, 1, 2, 3, 4]);
  });

  it('takes some of the answers in one batch and the rest later', async () => {
    const { api } = world();
    const { runId, waits } = await waitingRun(CITIES);
    const [first, ...rest] = waits;
    const some = rest.map((wait) => ({ waitId: wait.id, output: 'batch' }));
    expect(await api.command(runId, 'resume', { answers: some })).toMatchObject({
      changed: true,
      run: { status: 'waiting', openWaits: [{ id: first?.id }] },
    });
    await api.answer(first?.id ?? '', { output: 'alone' });
    await api.reaches(runId, 'succeeded');
  });

  it('records nothing of a batch in which one answer is bad', async () => {
    const { api } = world();
    const { runId, waits } = await waitingRun(['Oslo', 'Rome']);
    const other = await waitingRun(['Lima']);
    const head = (await api.run(runId)).head;
    const good = { waitId: waits[0]?.id, output: 'ok' };
    for (const bad of [
      { waitId: waits[1]?.id, decision: 'approve' },
      { waitId: 'wait_00000000000000000000000000000000', output: 1 },
      { waitId: other.waits[0]?.id, output: 'of another run' },
    ]) {
      const problem = await api.refused('POST', `/v1/runs/${runId}/resume`, { answers: [good, bad] });
      expect([404, 422]).toContain(problem.status);
    }
    expect(await api.run(runId)).toMatchObject({ head, status: 'waiting' });
    expect((await api.openWaits(runId)).map((wait) => wait.id)).toEqual(waits.map((wait) => wait.id));
    await api.command(other.runId, 'cancel');
    await api.command(runId, 'cancel');
  });

  it('may be answered by call id before its wait is opened', async () => {
    const { api, model } = world();
    const approval = { ...LOOKUP, name: 'guarded', approval: 'always' };
    const run = await api.start({ model: 'gated/m', input: 'go', tools: [LOOKUP, approval] });
    (await model.next()).ask({ tool: 'guarded', args: { city: 'Oslo' } });
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    expect(wait.kind).toBe('approval');

    const early = await api.answerCall(run.id, wait.callId ?? '', { output: 'early' });
    expect(early).toMatchObject({ changed: true, run: { status: 'waiting' } });
    expect(await api.answerCall(run.id, wait.callId ?? '', { output: 'early' })).toMatchObject({
      changed: false,
    });
    const path = `/v1/runs/${run.id}/calls/${wait.callId ?? ''}/answer`;
    expect(await api.refused('POST', path, { output: 'other' })).toMatchObject({ code: 'wait_closed' });

    await api.answer(wait.id, { decision: 'approve', digest: wait.digest ?? '' });
    const second = await model.next();
    expect(JSON.stringify(second.messages.at(-1))).toContain('early');
    second.say('ok');
    second.end();
    await api.reaches(run.id, 'succeeded');
    expect(await api.types(run.id)).toEqual(
      expect.arrayContaining(['wait.answered_early', 'wait.opened', 'wait.resolved', 'tool.completed']),
    );
  });

  it('has no answer for a call that the log does not name', async () => {
    const { api } = world();
    const { runId } = await waitingRun(['Oslo']);
    const problem = await api.refused('POST', `/v1/runs/${runId}/calls/call_x_1_1/answer`, { output: 1 });
    expect(problem.code).toBe('not_found');
    await api.command(runId, 'cancel');
  });

  it('called with arguments that its schema forbids fails at once, and the model sees it', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go', tools: [LOOKUP] });
    (await model.next()).ask({ tool: 'lookup', args: { town: 3 } });
    const second = await model.next();
    expect(JSON.stringify(second.messages.at(-1))).toMatch(/invalid_arguments/);
    second.end();
    await api.parked(run.id);
    expect(await api.types(run.id)).not.toContain('wait.opened');
  });
});

describe('a question to a person', () => {
  const schema = { type: 'object', properties: { size: { enum: ['S', 'M', 'L'] } }, required: ['size'] };
  const ask = { toolCalls: [{ tool: 'ask_user', args: { question: 'Which size?', schema } }] };
  const tools = [{ type: 'builtin', name: 'ask_user' }];

  it('waits for an answer that fits its schema', async () => {
    const { api } = world();
    const run = await world().script([ask, { text: 'thanks' }], { tools });
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    expect(wait).toMatchObject({ kind: 'input', prompt: 'Which size?', schema });
    const path = `/v1/waits/${wait.id}/answer`;
    expect(await api.refused('POST', path, { value: { size: 'XXL' } })).toMatchObject({
      status: 422,
      code: 'invalid_request',
      errors: [{ path: 'body.value.size' }],
    });
    expect(await api.refused('POST', path, {})).toMatchObject({ status: 422 });
    const resume = { answers: [{ waitId: wait.id, value: { size: 1 } }] };
    expect(await api.refused('POST', `/v1/runs/${run.id}/resume`, resume)).toMatchObject({
      errors: [{ path: 'body.answers[0].value.size' }],
    });
    await api.answer(wait.id, { value: { size: 'M' } });
    await api.reaches(run.id, 'succeeded');
    expect(await outputs(run.id)).toEqual([{ size: 'M' }]);
  });

  it('that needs an approval takes its answer early, if it fits the schema', async () => {
    const { api } = world();
    const approved = [{ ...tools[0], approval: 'always' }];
    const run = await world().script([ask, { text: 'thanks' }], { tools: approved });
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    expect(wait.kind).toBe('approval');
    const path = `/v1/runs/${run.id}/calls/${wait.callId ?? ''}/answer`;
    expect(await api.refused('POST', path, { value: { size: 'XXL' } })).toMatchObject({
      code: 'invalid_request',
      errors: [{ path: 'body.value.size' }],
    });
    await api.answerCall(run.id, wait.callId ?? '', { value: { size: 'S' } });
    await api.answer(wait.id, { decision: 'approve', digest: wait.digest ?? '' });
    await api.reaches(run.id, 'succeeded');
    expect(await outputs(run.id)).toEqual([{ size: 'S' }]);
  });

  it('without a schema takes a text', async () => {
    const { api } = world();
    const turns = [{ toolCalls: [{ tool: 'ask_user', args: { question: 'Name?' } }] }, { text: 'hi' }];
    const run = await world().script(turns, { tools });
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    expect(await api.refused('POST', `/v1/waits/${wait.id}/answer`, { value: 3 })).toMatchObject({
      status: 422,
    });
    await api.answer(wait.id, { value: 'Ada' });
    await api.reaches(run.id, 'succeeded');
  });
});

describe('a deadline', () => {
  const hurry = (more: Body = {}): Body => ({ ...LOOKUP, deadline: [{ after: 0.4, expire: true }], ...more });
  const turns = [lookups(['Oslo']), { text: 'on I go' }];

  it('that passes counts as no answer, and the model goes on', async () => {
    const { api } = world();
    const run = await world().script(turns, { tools: [hurry()] });
    await api.event(run.id, 'wait.expired');
    expect(await api.finished(run.id)).toMatchObject({ status: 'succeeded', output: 'on I go' });
    expect(await outputs(run.id)).toMatchObject([{ code: 'expired', message: 'nobody answered in time' }]);
    const expired = await api.call<{ data: Wait[] }>('GET', `/v1/waits?run=${run.id}&state=expired`);
    const { id } = only(expired.data);
    const late = await api.refused('POST', `/v1/waits/${id}/answer`, { output: 'late' });
    expect(late).toMatchObject({ code: 'wait_closed', winner: { outcome: 'expired' } });
  });

  it('that passes fails the run where the tool says so', async () => {
    const { api } = world();
    const run = await world().script(turns, { tools: [hurry({ onExpire: 'fail' })] });
    expect(await api.finished(run.id)).toMatchObject({ status: 'failed', error: { code: 'timed_out' } });
  });

  it('stands still while the run is paused, and goes on with what was left', async () => {
    const { api } = world();
    const run = await world().script(turns, {
      tools: [hurry({ deadline: [{ after: 3600, expire: true }] })],
    });
    await api.reaches(run.id, 'waiting');
    const open = only(await api.openWaits(run.id));
    expect(Date.parse(open.deadlineAt ?? '') - Date.parse(open.openedAt)).toBeCloseTo(3_600_000, -3);
    await api.command(run.id, 'pause');
    const stopped = await api.wait(open.id);
    expect(stopped).toMatchObject({ deadlineAt: null, clockStopped: true });
    expect(stopped.remainingSeconds).toBeGreaterThan(3_000);
    await api.command(run.id, 'resume');
    const again = await api.wait(open.id);
    expect(again).toMatchObject({ clockStopped: false, remainingSeconds: null });
    expect(Date.parse(again.deadlineAt ?? '')).toBeGreaterThanOrEqual(Date.parse(open.deadlineAt ?? ''));
    await api.command(run.id, 'pause', { hold: 'quick', stopClock: false });
    expect(await api.wait(open.id)).toMatchObject({ clockStopped: false, deadlineAt: again.deadlineAt });
    await api.command(run.id, 'cancel');
  });
});

describe('a timer', () => {
  const tools = [{ type: 'builtin', name: 'sleep_until' }];
  const sleep = (args: object): Body => ({ toolCalls: [{ tool: 'sleep_until', args }] });

  it('goes on by itself when its time has come', async () => {
    const { api } = world();
    const run = await world().script([sleep({ seconds: 0.2 }), { text: 'awake' }], { tools });
    expect((await api.finished(run.id)).status).toBe('succeeded');
    const types = await api.types(run.id);
    expect(types).toEqual(expect.arrayContaining(['wait.opened', 'run.waiting', 'wait.resolved']));
    expect(types).not.toContain('tool.started');
  });

  it('may be fired before its time', async () => {
    const { api } = world();
    const run = await world().script([sleep({ until: '2090-01-01T00:00:00Z' }), { text: 'awake' }], {
      tools,
    });
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    expect(wait).toMatchObject({ kind: 'timer', deadlineAt: '2090-01-01T00:00:00.000Z' });
    await api.answer(wait.id, { outcome: 'fire' });
    await api.reaches(run.id, 'succeeded');
  });

  it('that is due under a hold resolves, and the run stays paused', async () => {
    const { api } = world();
    const run = await world().script([sleep({ seconds: 1.5 }), { text: 'awake' }], { tools });
    await api.reaches(run.id, 'waiting');
    const { run: paused } = await api.command(run.id, 'pause');
    expect(paused.status).toBe('paused');
    await api.event(run.id, 'wait.resolved');
    expect(await api.run(run.id)).toMatchObject({ status: 'paused', openWaits: [] });
    await api.command(run.id, 'resume');
    await api.reaches(run.id, 'succeeded');
  });
});
