import type { Preview, Run } from '@fermata/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import type { ApiClient, Body } from '../../world/api-client.ts';
import { contentsOf } from '../../world/contents.ts';
import { startMcpTarget } from '../../world/mcp-target.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { answerJson } from '../../world/tool-target.ts';

const world = sharedWorld();
afterEach(() => {
  world().target.handler = (_request, response) => answerJson(response, { ok: true });
});

function pay(more: Body = {}): Body {
  return {
    type: 'http',
    name: 'pay',
    inputSchema: { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] },
    http: { url: `${world().target.url}/pay` },
    ...more,
  };
}
const lookup: Body = { type: 'client', name: 'lookup' };
const asks = (tool: string, args: Body = {}): Body => ({ toolCalls: [{ tool, args }] });

async function preview(path: string, body: Body = {}, client: ApiClient = world().api): Promise<Preview> {
  const reply = await client.call<{ preview: Preview }>('POST', `/v1/${path}?dryRun=true`, body);
  return reply.preview;
}

const codes = ({ warnings }: Preview): string[] => warnings.map((warning) => warning.code);

async function waitingFor(
  turns: Body[],
  tools: Body[],
  more: Body = {},
): Promise<{ run: Run; waitId: string }> {
  const { api } = world();
  const run = await world().script(turns, { tools, ...more });
  const waiting = await api.reaches(run.id, 'waiting');
  return { run: waiting, waitId: waiting.openWaits[0]?.id ?? '' };
}

describe('a preview of an approval', () => {
  it('shows the exact call that would run, its digest and key, and that a turn follows', async () => {
    const { api } = world();
    const turns = [asks('pay', { amount: 7 }), { text: 'paid' }];
    const { run, waitId } = await waitingFor(turns, [pay({ approval: 'always' })]);
    const wait = await api.wait(waitId);
    const told = await preview(`waits/${waitId}/answer`, { decision: 'approve', digest: wait.digest });
    expect(told).toMatchObject({
      changed: true,
      head: run.head,
      status: 'running',
      next: 'calls',
      openWaits: [],
      closes: [{ waitId, callId: wait.callId, outcome: 'approve' }],
      calls: [
        {
          callId: wait.callId,
          tool: 'pay',
          args: { amount: 7 },
          digest: wait.digest,
          outcome: 'request',
          attempt: 1,
          idempotencyKey: `${run.id}:1:${wait.callId ?? ''}`,
          afterCrash: 'ask',
          checked: true,
        },
      ],
      turn: { number: 2, attempt: 1, when: 'after_calls', messages: 0 },
      cost: { costUsd: 0 },
    });
    expect(codes(told)).toEqual([]);
    expect(world().target.seen.filter((request) => request.key.startsWith(run.id))).toEqual([]);
  });

  it('with edited arguments shows those; a denial calls nothing and goes on with a turn', async () => {
    const { api } = world();
    const { waitId } = await waitingFor([asks('pay', { amount: 7 }), {}], [pay({ approval: 'always' })]);
    const { digest } = await api.wait(waitId);
    const edited = await preview(`waits/${waitId}/answer`, {
      decision: 'approve',
      digest,
      editedArgs: { amount: 1 },
    });
    expect(only(edited.calls)).toMatchObject({ args: { amount: 1 }, outcome: 'request' });
    expect(only(edited.calls).digest).not.toBe(digest);
    const denied = await preview(`waits/${waitId}/answer`, { decision: 'deny', digest });
    expect(denied).toMatchObject({ calls: [], next: 'turn', turn: { number: 2, when: 'now' } });
  });

  it('is refused as the answer would be: wrong digest, wrong role, wrong shape, unknown wait', async () => {
    const { api, viewer, stranger } = world();
    const { run, waitId } = await waitingFor([asks('pay', { amount: 7 }), {}], [pay({ approval: 'always' })]);
    const path = `/v1/waits/${waitId}/answer`;
    const tries: [ApiClient, string, Body][] = [
      [api, path, { decision: 'approve', digest: 'of another call' }],
      [api, path, { decision: 'approve' }],
      [api, path, { value: 'yes' }],
      [api, path, { decision: 'perhaps' }],
      [viewer, path, { decision: 'approve' }],
      [stranger, path, { decision: 'approve' }],
      [api, '/v1/waits/wait_none/answer', { decision: 'approve' }],
      [api, `/v1/runs/${run.id}/resume`, { answers: [{ waitId: 'wait_none', value: 1 }] }],
      [api, `/v1/runs/${run.id}/resume`, { hold: 'No Hold' }],
      [api, `/v1/runs/${run.id}/messages`, { content: 'hello' }],
    ];
    for (const [client, place, body] of tries) {
      const { instance: _told, ...told } = await client.refused('POST', `${place}?dryRun=true`, body);
      const { instance: _real, ...real } = await client.refused('POST', place, body);
      expect(told).toEqual(real);
    }
  });
});

describe('a preview', () => {
  it('writes nothing, locks nothing, and keeps no reply for its key', async () => {
    const { api } = world();
    const { run, waitId } = await waitingFor([asks('lookup'), {}], [lookup]);
    await api.command(run.id, 'pause');
    const before = await contentsOf(world().database);
    const { sql } = world().database;
    const headers = { 'idempotency-key': 'a key of my own' };
    const body = {
      answers: [{ waitId, output: 1 }],
      messages: [{ content: [{ type: 'image', url: 'data:image/png;base64,aGVsbG8=' }] }],
      onWaiting: 'queue',
    };
    // A run whose row is locked elsewhere is previewed all the same, and at once.
    await sql.begin(async (locking) => {
      await locking`select 1 from run_state where run_id = ${run.id} for update`;
      for (let times = 0; times < 3; times++) {
        const told = await api.call<{ preview: Preview }>(
          'POST',
          `/v1/runs/${run.id}/resume?dryRun=true`,
          body,
          headers,
        );
        expect(told.preview).toMatchObject({ status: 'running', next: 'turn', turn: { messages: 1 } });
      }
    });
    expect(await contentsOf(world().database)).toBe(before);
    expect(await sql`select 1 from blobs`).toHaveLength(0);
    // The key is free: the command in earnest is no repeat of its own preview.
    const done = await api.command(run.id, 'resume', body, headers);
    expect(done.changed).toBe(true);
  });

  it('of a resume with some of the answers says what stays open', async () => {
    const { api } = world();
    const turn = { toolCalls: [{ tool: 'lookup' }, { tool: 'lookup' }, { tool: 'lookup' }] };
    const { run } = await waitingFor([turn, {}], [lookup]);
    const [first, second, third] = run.openWaits;
    await api.command(run.id, 'pause');
    const answers = [{ waitId: second?.id, output: 2 }];
    expect(await preview(`runs/${run.id}/resume`, { answers })).toMatchObject({
      status: 'waiting',
      comesTo: 'waiting',
      next: 'waits',
      holds: [],
      openWaits: [{ id: first?.id }, { id: third?.id }],
      calls: [],
      turn: null,
    });
  });

  it('of a resume while another hold stands says that the run stays held', async () => {
    const { api } = world();
    const { run } = await waitingFor([asks('lookup'), {}], [lookup]);
    await api.command(run.id, 'pause');
    await api.command(run.id, 'pause', { hold: 'mine' });
    const told = await preview(`runs/${run.id}/resume`);
    expect(told).toMatchObject({ status: 'paused', next: 'held', holds: [{ name: 'mine' }] });
    await api.command(run.id, 'resume');
    const path = `/v1/runs/${run.id}/resume`;
    expect(await api.refused('POST', `${path}?dryRun=true`, {})).toMatchObject({ code: 'held' });
  });

  it('tells which waits would open: an approval first, and what the client is to carry out', async () => {
    const { api } = world();
    const call = await api.start({
      input: 'x',
      model: 'gated/a',
      tools: [pay({ approval: 'always' }), lookup],
    });
    const model = await world().model.next();
    await api.command(call.id, 'pause');
    model.ask(
      { tool: 'pay', args: { amount: 9 } },
      { tool: 'lookup', args: { of: 'x' } },
      { tool: 'none', args: {} },
    );
    await api.reaches(call.id, 'paused');
    const told = await preview(`runs/${call.id}/resume`);
    expect(told).toMatchObject({ status: 'running', comesTo: 'waiting', next: 'waits', turn: null });
    expect(told.opens).toMatchObject([
      { kind: 'approval', tool: 'pay', args: { amount: 9 } },
      { kind: 'tool_output', tool: 'lookup', args: { of: 'x' } },
    ]);
    expect(told.calls.map(({ tool, outcome, waitKind }) => [tool, outcome, waitKind])).toEqual([
      ['pay', 'wait', 'approval'],
      ['lookup', 'wait', 'tool_output'],
      ['none', 'fail', null],
    ]);
    expect(told.agent).toMatchObject({ model: 'gated/a', provider: 'gated', problem: null });
  });

  it('tells of limits that are near and of the one that stops the run', async () => {
    const { api } = world();
    const limits = { maxTurns: 1, maxToolCalls: 5 };
    const { run, waitId } = await waitingFor([asks('lookup'), {}], [lookup], { limits, onLimit: 'pause' });
    const told = await preview(`waits/${waitId}/answer`, { output: 1 });
    expect(told).toMatchObject({
      status: 'running',
      comesTo: 'paused',
      next: 'held',
      turn: null,
      holds: [{ name: 'budget' }],
      limits: [{ name: 'maxTurns', limit: 1, used: 1, share: 1, state: 'reached' }],
    });
    expect(codes(told)).toContain('limit_reached');
    const raised = await preview(`runs/${run.id}/resume`, {
      answers: [{ waitId, output: 1 }],
      limits: { maxTurns: 2 },
    });
    expect(raised).toMatchObject({ next: 'turn', turn: { number: 2 } });
    await api.answer(waitId, { output: 1 });
    await api.reaches(run.id, 'paused');
    expect(await preview(`runs/${run.id}/resume`)).toMatchObject({ next: 'turn', turn: { number: 2 } });
  });

  it('says when nobody answers for the model any more', async () => {
    const { run, waitId } = await waitingFor([asks('lookup'), {}], [lookup]);
    const body = { model: 'openai/gpt-none', answers: [{ waitId, output: 1 }] };
    const told = await preview(`runs/${run.id}/resume`, body);
    expect(told).toMatchObject({
      comesTo: 'failed',
      next: 'ended',
      error: { code: 'provider_not_configured' },
      agent: { model: 'openai/gpt-none', provider: null },
    });
    expect(codes(told)).toContain('model_not_configured');
  });

  it('does not ask an MCP server, and says so', async () => {
    await using mcp = await startMcpTarget();
    const { api } = world();
    const agent = {
      model: 'script/inline',
      script: [asks('pay', { amount: 9 }), { text: 'paid' }],
      mcpServers: [{ name: 'bank', url: mcp.url, approval: 'always' }],
    };
    const run = await api.start({ agent, input: 'x' });
    const wait = await api.wait(only((await api.reaches(run.id, 'waiting')).openWaits).id);
    const requests = mcp.authorization.length;
    const told = await preview(`waits/${wait.id}/answer`, { decision: 'approve', digest: wait.digest });
    expect(told).toMatchObject({
      next: 'calls',
      calls: [{ tool: 'pay', args: { amount: 9 }, digest: wait.digest, outcome: 'request', checked: false }],
      turn: { number: 2, when: 'after_calls' },
      agent: { mcpServers: [{ name: 'bank', url: mcp.url, checked: false }] },
    });
    expect(codes(told)).toContain('mcp_not_checked');
    expect([mcp.authorization.length, mcp.paid]).toEqual([requests, []]);
  });

  it('of a run that is to begin later says so', async () => {
    const { api } = world();
    const run = await api.start({ input: 'x', startAt: '2090-01-01T00:00:00Z' });
    await api.command(run.id, 'pause');
    const told = await preview(`runs/${run.id}/resume`);
    expect(told).toMatchObject({ status: 'queued', next: 'later', turn: null });
  });

  it('of a run with a step under way says that what follows depends on it', async () => {
    const { api } = world();
    const run = await api.start({ input: 'x', model: 'gated/b' });
    const call = await world().model.next();
    const running = await preview(`runs/${run.id}/resume`);
    expect(running).toMatchObject({ changed: false, status: 'running', next: 'in_flight', turn: null });
    expect(codes(running)).toEqual(['nothing_changes', 'step_in_flight']);
    await api.command(run.id, 'pause');
    expect(await preview(`runs/${run.id}/resume`)).toMatchObject({ changed: true, status: 'running' });
    call.say('done');
    call.end();
    await api.reaches(run.id, 'paused');
    expect(await preview(`runs/${run.id}/resume`)).toMatchObject({ comesTo: 'succeeded', next: 'ended' });
  });

  it('of an approval beside a call under way shows the call that would be made beside it', async () => {
    const { api, target } = world();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    target.handler = (_request, response) => void released.then(() => answerJson(response, { ok: true }));
    const tools = [pay({ approval: 'always' }), pay({ name: 'work', idempotent: true })];
    const turn = { toolCalls: ['work', 'pay'].map((tool) => ({ tool, args: { amount: 1 } })) };
    const run = await world().script([turn, { text: 'done' }], { tools });
    await api.event(run.id, 'tool.started');
    const wait = only(await api.openWaits(run.id));
    const told = await preview(`waits/${wait.id}/answer`, { decision: 'approve', digest: wait.digest });
    expect(told).toMatchObject({
      status: 'running',
      next: 'calls',
      calls: [{ callId: wait.callId, tool: 'pay', outcome: 'request' }],
      turn: { number: 2, when: 'after_calls' },
    });
    await api.answer(wait.id, { decision: 'approve', digest: wait.digest ?? '' });
    release();
    await api.reaches(run.id, 'succeeded');
    const keys = target.seen.filter((request) => request.key.startsWith(run.id)).map(({ key }) => key);
    expect(keys[1]).toBe(told.calls[0]?.idempotencyKey);
  });

  it('counts on answers that were kept for waits which are not open yet', async () => {
    const { api } = world();
    const guarded = { ...lookup, name: 'guarded', approval: 'always' };
    const run = await api.start({ input: 'x', model: 'gated/c', tools: [lookup, guarded] });
    const call = await world().model.next();
    await api.command(run.id, 'pause');
    call.ask({ tool: 'lookup', args: {} }, { tool: 'guarded', args: {} });
    await api.reaches(run.id, 'paused');
    const asked = (await api.events(run.id)).find((event) => event.type === 'message.completed');
    const [first, second] = asked?.type === 'message.completed' ? asked.data.toolCalls : [];
    await api.answerCall(run.id, first?.callId ?? '', { output: 'early' });
    const one = await preview(`runs/${run.id}/resume`);
    expect(one).toMatchObject({ next: 'waits', opens: [{ kind: 'approval', callId: second?.callId }] });
    expect(one.calls.map(({ callId }) => callId)).toEqual([second?.callId]);
    const answers = [{ callId: second?.callId, output: 'early too' }];
    const both = await preview(`runs/${run.id}/resume`, { answers });
    expect(both).toMatchObject({ next: 'waits', opens: [{ kind: 'approval' }], turn: null });
    await api.command(run.id, 'cancel');
  });

  it('tells of child runs: one that would be delegated, those that go on with it, and a call of theirs', async () => {
    const { api } = world();
    const child = {
      name: 'child',
      model: 'script/own',
      script: [asks('lookup'), { text: 'known' }],
      tools: ['lookup'],
    };
    const tools = [{ type: 'builtin', name: 'delegate', approval: 'always' }, lookup];
    const task = { input: 'look it up', agent: child };
    const { run, waitId } = await waitingFor([asks('delegate', task), { text: 'done' }], tools);
    const { digest } = await api.wait(waitId);
    const runs = async (): Promise<number> =>
      (await api.call<{ data: unknown[] }>('GET', `/v1/runs?parent=${run.id}`)).data.length;
    const delegated = await preview(`waits/${waitId}/answer`, { decision: 'approve', digest });
    expect([delegated.next, await runs()]).toEqual(['waits', 0]);
    expect(only(delegated.calls)).toMatchObject({ tool: 'delegate', outcome: 'wait', waitKind: 'run' });
    expect(only(delegated.opens)).toMatchObject({ kind: 'run', tool: 'delegate' });

    await api.answer(waitId, { decision: 'approve', digest: digest ?? '' });
    const started = await api.event(run.id, 'child.started');
    const childRunId = started.type === 'child.started' ? started.data.childRunId : '';
    const asking = only((await api.reaches(childRunId, 'waiting')).openWaits);
    const path = `runs/${run.id}/calls/${asking.callId ?? ''}/answer`;
    expect(await preview(path, { output: 1 })).toMatchObject({ runId: childRunId, next: 'turn' });
    await api.command(run.id, 'pause');
    await api.event(childRunId, 'hold.placed');
    expect(await preview(`runs/${run.id}/resume`)).toMatchObject({ runId: run.id, releases: [childRunId] });
    expect((await api.run(childRunId)).holds).toMatchObject([{ name: 'parent' }]);
    await api.command(run.id, 'cancel');
    await api.finished(childRunId);
  });

  it('of a message that reopens a run that has ended shows the turn', async () => {
    const { api } = world();
    const run = await api.start({ input: 'hello' });
    await api.finished(run.id);
    const path = `/v1/runs/${run.id}/messages?dryRun=true`;
    expect(await api.refused('POST', path, { content: 'more' })).toMatchObject({
      code: 'invalid_transition',
    });
    const told = await preview(`runs/${run.id}/messages`, { content: 'more', reopen: true });
    expect(told).toMatchObject({ status: 'running', next: 'turn', turn: { number: 2, messages: 1 } });
    expect(told.cost?.inputTokens).toBeGreaterThan(0);
    expect((await api.run(run.id)).status).toBe('succeeded');
  });

  it('of a call in doubt shows that it would be made again under the same key', async () => {
    const { api, target } = world();
    target.handler = (_request, response) => void response.writeHead(502).end();
    const { run, waitId } = await waitingFor([asks('pay', { amount: 3 }), {}], [pay()]);
    expect(run.openWaits[0]?.kind).toBe('in_doubt');
    const { callId } = await api.wait(waitId);
    const told = await preview(`waits/${waitId}/answer`, { outcome: 'retry' });
    const key = `${run.id}:1:${callId ?? ''}`;
    expect(only(told.calls)).toMatchObject({ outcome: 'request', attempt: 2, idempotencyKey: key });
    const keys = target.seen.filter((request) => request.key.startsWith(run.id)).map(({ key: sent }) => sent);
    expect(keys).toEqual([key]);
  });
});
