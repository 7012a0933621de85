import { describe, expect, it } from 'vitest';
import { callDigest } from '../../../packages/server/src/engine/digest.ts';
import type { Body } from '../../world/api-client.ts';
import { eventually } from '../../world/eventually.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { answerJson } from '../../world/tool-target.ts';

const world = sharedWorld();

/** A payment by http that needs an approval. */
function payment(approval: unknown): Body {
  return {
    type: 'http',
    name: 'pay',
    approval,
    inputSchema: { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] },
    http: { url: `${world().target.url}/pay` },
  };
}

const call = (amount: number): Body => ({ toolCalls: [{ tool: 'pay', args: { amount } }] });

async function openApproval(runId: string): Promise<{ id: string; digest: string; callId: string }> {
  const { api } = world();
  await api.reaches(runId, 'waiting');
  const wait = only(await api.openWaits(runId));
  expect(wait.kind).toBe('approval');
  return { id: wait.id, digest: wait.digest ?? '', callId: wait.callId ?? '' };
}

function effects(runId: string): string[] {
  return world()
    .target.seen.filter((request) => request.key.startsWith(runId))
    .map((request) => request.body);
}

describe('an approval', () => {
  it('stops the run until somebody approves, and then the run finishes; all of it is streamed', async () => {
    const { api, operator } = world();
    const frames: string[] = [];
    let runId = '';
    const body = { model: 'script/approval', input: 'Send the report' };
    for await (const frame of api.frames('POST', '/v1/runs', { body })) {
      frames.push(frame.event);
      if (frame.event === 'run.created') runId = (frame.data as { runId: string }).runId;
    }
    expect(frames[0]).toBe('run.created');
    expect(frames).toContain('message.delta');
    expect(frames.slice(-3)).toEqual(['wait.opened', 'run.waiting', 'stream.end']);

    const run = await api.run(runId);
    expect(run).toMatchObject({ status: 'waiting', openWaits: [{ kind: 'approval', tool: 'record_note' }] });
    const wait = only(await api.openWaits(runId));
    const answered = await operator.answer(wait.id, { decision: 'approve', digest: wait.digest ?? '' });
    expect(answered).toMatchObject({
      changed: true,
      wait: {
        state: 'resolved',
        resolution: { outcome: 'approve', by: { name: 'operator' }, via: 'native' },
      },
    });
    const rest: string[] = [];
    for await (const frame of api.stream(runId, { after: run.head, until: 'finished' }))
      rest.push(frame.event);
    expect(rest[0]).toBe('wait.resolved');
    expect(rest).toEqual(
      expect.arrayContaining(['tool.started', 'tool.completed', 'turn.started', 'run.succeeded']),
    );
    expect(rest.at(-1)).toBe('stream.end');
    expect((await api.run(runId)).output).toContain('record_note returned');
  });

  it('that is denied keeps the call from being made, and the model is told why', async () => {
    const { api } = world();
    const run = await api.start({ model: 'script/approval', input: 'Send it', tools: [payment('always')] });
    const wait = await openApproval(run.id);
    await api.answer(wait.id, { decision: 'deny', reason: 'too much money', digest: wait.digest });
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({
      output: 'pay was denied: too much money.',
    });
    expect(effects(run.id)).toEqual([]);
    const assistant = (await api.messages(run.id)).filter((message) => message.role === 'assistant')[0];
    expect(assistant?.calls[0]).toMatchObject({
      state: 'denied',
      error: { code: 'denied', message: 'too much money' },
    });
  });

  it('may put other arguments in place of the model’s: those are executed, and the model is told', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'Pay 500', tools: [payment('always')] });
    (await model.next()).ask({ tool: 'pay', args: { amount: 500 } });
    const wait = await openApproval(run.id);
    await api.answer(wait.id, { decision: 'approve', digest: wait.digest, editedArgs: { amount: 5 } });
    const second = await model.next();
    expect(JSON.stringify(second.messages.at(-1))).toMatch(/approver changed the arguments/);
    second.say('done');
    second.end();
    await api.reaches(run.id, 'succeeded');
    expect(effects(run.id)).toEqual(['{"amount":5}']);
    const assistant = (await api.messages(run.id)).find((message) => message.role === 'assistant');
    expect(assistant?.calls[0]).toMatchObject({
      args: { amount: 500 },
      editedArgs: { amount: 5 },
      approved: true,
    });
  });

  it('must name the digest of the call as it was shown', async () => {
    const { api } = world();
    const run = await world().script([call(1), { text: 'ok' }], { tools: [payment('always')] });
    const wait = await openApproval(run.id);
    const path = `/v1/waits/${wait.id}/answer`;
    expect(await api.refused('POST', path, { decision: 'approve' })).toMatchObject({
      code: 'digest_required',
      digest: wait.digest,
    });
    const wrong = { decision: 'approve', digest: '0'.repeat(64) };
    expect(await api.refused('POST', path, wrong)).toMatchObject({
      code: 'digest_mismatch',
      digest: wait.digest,
    });
    await api.answer(wait.id, { decision: 'approve', digest: wait.digest });
    await api.reaches(run.id, 'succeeded');
    expect(effects(run.id)).toHaveLength(1);
  });

  it('by call id is the same as by wait id', async () => {
    const { api } = world();
    const run = await world().script([call(2), { text: 'ok' }], { tools: [payment('always')] });
    const { callId, digest } = await openApproval(run.id);
    const reply = await api.answerCall(run.id, callId, { decision: 'approve', digest });
    expect(reply).toMatchObject({ changed: true, wait: { state: 'resolved' } });
    await api.reaches(run.id, 'succeeded');
  });

  it('can be given for the rest of the run', async () => {
    const { api } = world();
    const run = await world().script([call(1), call(2), { text: 'ok' }], { tools: [payment('always')] });
    const wait = await openApproval(run.id);
    await api.answer(wait.id, { decision: 'approve', digest: wait.digest, remember: 'run' });
    await api.reaches(run.id, 'succeeded');
    expect(effects(run.id)).toEqual(['{"amount":1}', '{"amount":2}']);
  });

  it('is asked for only where the rule on the arguments says so', async () => {
    const { api } = world();
    const rule = { when: { path: 'amount', op: 'gt', value: 100 } };
    const run = await world().script([call(100), call(101), { text: 'ok' }], { tools: [payment(rule)] });
    const wait = await openApproval(run.id);
    expect(effects(run.id)).toEqual(['{"amount":100}']);
    await api.answer(wait.id, { decision: 'deny', digest: wait.digest });
    await api.reaches(run.id, 'succeeded');
    expect(effects(run.id)).toEqual(['{"amount":100}']);
  });

  it('may be given only by those whom the tool names', async () => {
    const { api, operator, developer } = world();
    for (const approvers of [
      ['developer'],
      [(await api.call<{ principal: { id: string } }>('GET', '/v1/me')).principal.id],
    ]) {
      const run = await world().script([call(4), { text: 'ok' }], { tools: [payment({ approvers })] });
      const wait = await openApproval(run.id);
      const answer = { decision: 'approve', digest: wait.digest };
      const problem = await operator.refused('POST', `/v1/waits/${wait.id}/answer`, answer);
      expect(problem).toMatchObject({ status: 403, code: 'forbidden' });
      const byCall = await operator.refused('POST', `/v1/runs/${run.id}/calls/${wait.callId}/answer`, answer);
      expect(byCall).toMatchObject({ code: 'forbidden' });
      const may = approvers[0] === 'developer' ? developer : api;
      await may.answer(wait.id, { decision: 'approve', digest: wait.digest });
      await api.reaches(run.id, 'succeeded');
    }
  });

  it.each([
    ['by http', () => payment('always')],
    ['by the client', () => ({ type: 'client', name: 'pay', approval: 'always' })],
  ])('does not hold for a call %s that was changed meanwhile: it is asked for again', async (_name, tool) => {
    const { api, database } = world();
    const run = await world().script([call(5), { text: 'ok' }], { tools: [tool()] });
    const wait = await openApproval(run.id);
    await database.sql`
      update events set data = replace(data::text, '"amount":5', '"amount":500')::json
      where run_id = ${run.id} and type = 'message.completed'`;
    await api.answer(wait.id, { decision: 'approve', digest: wait.digest });
    const again = await eventually(async () => (await api.openWaits(run.id))[0], {
      what: 'it is asked again',
    });
    expect(again).toMatchObject({ kind: 'approval', args: { amount: 500 }, policy: 'digest_mismatch' });
    expect(again.digest).toBe(callDigest('pay', { amount: 500 }));
    const stale = await api.refused('POST', `/v1/waits/${again.id}/answer`, {
      decision: 'approve',
      digest: wait.digest,
    });
    expect(stale).toMatchObject({ code: 'digest_mismatch', digest: again.digest });
    await api.answer(again.id, { decision: 'deny', digest: again.digest ?? '' });
    await api.reaches(run.id, 'succeeded');
    expect(effects(run.id)).toEqual([]);
  });

  it('may be given before it is asked for, by those whom the tool names', async () => {
    const { api, operator, developer, model } = world();
    for (const client of [operator, developer]) {
      const tools = [payment({ approvers: ['developer'] })];
      const run = await api.start({ model: 'gated/m', input: 'Pay', tools });
      const turn = await model.next();
      await api.command(run.id, 'pause');
      turn.ask({ tool: 'pay', args: { amount: 9 } });
      await api.reaches(run.id, 'paused');
      const [call] = (await api.messages(run.id)).flatMap(({ calls }) => calls);
      const path = `/v1/runs/${run.id}/calls/${call?.callId ?? ''}/answer`;
      expect(await client.refused('POST', path, { decision: 'approve' })).toMatchObject({
        code: 'digest_required',
      });
      const digest = callDigest('pay', { amount: 9 });
      await client.answerCall(run.id, call?.callId ?? '', { decision: 'approve', digest });
      await api.command(run.id, 'resume');
      if (client === operator) {
        await openApproval(run.id);
        expect(effects(run.id)).toEqual([]);
        await api.command(run.id, 'cancel');
        continue;
      }
      const second = await model.next();
      second.say('paid');
      second.end();
      await api.reaches(run.id, 'succeeded');
      expect(effects(run.id)).toEqual(['{"amount":9}']);
    }
  });

  it('that is repeated by the same principal changes nothing; another answer is told who won', async () => {
    const { api, operator } = world();
    const run = await world().script([call(3), { text: 'ok' }], { tools: [payment('always')] });
    const wait = await openApproval(run.id);
    const answer = { decision: 'approve', digest: wait.digest } as const;
    await operator.answer(wait.id, answer);
    await api.reaches(run.id, 'succeeded');
    const { head } = await api.run(run.id);
    expect(await operator.answer(wait.id, answer)).toMatchObject({
      changed: false,
      wait: { state: 'resolved' },
    });
    const problem = await api.refused('POST', `/v1/waits/${wait.id}/answer`, {
      decision: 'deny',
      digest: wait.digest,
    });
    expect(problem).toMatchObject({
      code: 'wait_closed',
      winner: { by: { name: 'operator' }, outcome: 'approve' },
    });
    expect((await api.run(run.id)).head).toBe(head);
  });

  it('is kept, and its call is made, when the tool answers an error: the model sees the error', async () => {
    const { api, model, target } = world();
    const run = await api.start({ model: 'gated/m', input: 'Pay', tools: [payment('always')] });
    (await model.next()).ask({ tool: 'pay', args: { amount: 7 } });
    const wait = await openApproval(run.id);
    const before = target.handler;
    target.handler = (_request, response) => answerJson(response, { error: 'no such account' }, 400);
    await api.answer(wait.id, { decision: 'approve', digest: wait.digest });
    const second = await model.next();
    target.handler = before;
    expect(JSON.stringify(second.messages.at(-1))).toMatch(/http_400.*no such account/);
    second.say('sorry');
    second.end();
    await api.reaches(run.id, 'succeeded');
    expect(effects(run.id)).toHaveLength(1);
  });
});
