import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { startMcpTarget } from '../../world/mcp-target.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { answerJson } from '../../world/tool-target.ts';

const world = sharedWorld();

const ask = (tool: string, args: unknown = {}): Body => ({ toolCalls: [{ tool, args }] });

async function result(runId: string): Promise<unknown> {
  const messages = await world().api.messages(runId);
  return only(messages.flatMap((message) => message.calls));
}

describe('an http tool', () => {
  it('is requested with its templates filled and the idempotency key run:turn:call', async () => {
    const { api, target } = world();
    const tool = {
      type: 'http',
      name: 'order',
      http: {
        url: `${target.url}/shops/{{shop}}/orders`,
        method: 'PUT',
        query: { size: '{{size}}' },
        headers: { 'x-token': 'Bearer {{secrets.token}}' },
        body: { item: '{{item}}', count: '{{count}}' },
      },
    };
    const args = { shop: 'a/b', size: 'L&M', item: 'hat', count: 2 };
    const run = await world().script([ask('order', args), { text: 'ok' }], {
      tools: [tool],
      secrets: { token: 'tok-123456' },
    });
    await api.reaches(run.id, 'succeeded');
    const request = only(target.seen.filter((seen) => seen.key.startsWith(run.id)));
    expect(request).toMatchObject({ method: 'PUT', path: '/shops/a%2Fb/orders?size=L%26M' });
    expect(request.headers['x-token']).toBe('Bearer tok-123456');
    expect(JSON.parse(request.body)).toEqual({ item: 'hat', count: 2 });
    expect(request.key.split(':')).toEqual([run.id, '1', expect.stringMatching(/^call_/) as string]);
    expect(await result(run.id)).toMatchObject({ state: 'completed', output: { ok: true } });
  });

  it('that answers 404 fails, and the run goes on', async () => {
    const { api, target } = world();
    const before = target.handler;
    target.handler = (request, response) =>
      request.path === '/gone' ? answerJson(response, { why: 'gone' }, 404) : before(request, response);
    const tool = { type: 'http', name: 'find', http: { url: `${target.url}/gone`, method: 'GET' } };
    const run = await world().script([ask('find'), { text: 'not there' }], { tools: [tool] });
    await api.reaches(run.id, 'succeeded');
    target.handler = before;
    expect(await result(run.id)).toMatchObject({ state: 'failed', error: { code: 'http_404' } });
  });

  it('may not reach a private address that nobody has allowed', async () => {
    const { api } = world();
    const tool = { type: 'http', name: 'spy', http: { url: 'http://169.254.169.254/latest', method: 'GET' } };
    const run = await world().script([ask('spy'), { text: 'no' }], { tools: [tool] });
    await api.reaches(run.id, 'succeeded');
    expect(await result(run.id)).toMatchObject({ state: 'failed', error: { code: 'blocked' } });
  });

  it('that answers more than an event can hold leaves a blob and its beginning', async () => {
    const { api, target } = world();
    const before = target.handler;
    const big = 'x'.repeat(400_000);
    target.handler = (request, response) =>
      request.path === '/big' ? answerJson(response, { big }) : before(request, response);
    const tool = { type: 'http', name: 'read', http: { url: `${target.url}/big`, method: 'GET' } };
    const run = await world().script([ask('read'), { text: 'long' }], { tools: [tool] });
    await api.reaches(run.id, 'succeeded');
    target.handler = before;
    const { output } = (await result(run.id)) as {
      output: { blob: string; truncated: boolean; sizeBytes: number };
    };
    expect(output).toMatchObject({ truncated: true, sizeBytes: big.length + 10 });
    const digest = output.blob.replace('blob:sha256-', '');
    const blob = await api.request<{ big: string }>('GET', `/v1/runs/${run.id}/blobs/sha256-${digest}`);
    expect(JSON.parse(blob.text)).toEqual({ big });
    await world().stranger.refused('GET', `/v1/runs/${run.id}/blobs/sha256-${digest}`);
  });

  it('of which several are called runs them side by side', async () => {
    const { api, target } = world();
    const before = target.handler;
    const answers: (() => void)[] = [];
    target.handler = (request, response) => {
      if (request.path !== '/together') return before(request, response);
      answers.push(() => answerJson(response, { n: answers.length }));
      if (answers.length === 3) for (const answer of answers) answer();
    };
    const tool = { type: 'http', name: 'read', http: { url: `${target.url}/together` } };
    const toolCalls = [1, 2, 3].map((n) => ({ tool: 'read', args: { n } }));
    const run = await world().script([{ toolCalls }, { text: 'all' }], { tools: [tool] });
    await api.reaches(run.id, 'succeeded');
    target.handler = before;
    expect(answers).toHaveLength(3);
  });

  it('that does not answer in time is in doubt', async () => {
    const { api, target } = world();
    const before = target.handler;
    target.handler = (request, response) => {
      if (request.path !== '/never') before(request, response);
    };
    const tool = { type: 'http', name: 'slow', timeoutMs: 200, http: { url: `${target.url}/never` } };
    const run = await world().script([ask('slow'), { text: 'so what' }], { tools: [tool] });
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    expect(wait).toMatchObject({ kind: 'in_doubt', tool: 'slow' });
    await api.answer(wait.id, { outcome: 'skip', reason: 'not important' });
    await api.reaches(run.id, 'succeeded');
    target.handler = before;
    expect(await result(run.id)).toMatchObject({ state: 'denied', error: { code: 'interrupted' } });
  });
});

describe('a tool of an MCP server', () => {
  it('is listed, called, and its result comes back', async () => {
    await using mcp = await startMcpTarget();
    const { api } = world();
    const agent = {
      model: 'script/inline',
      mcpServers: [{ name: 'calc', url: mcp.url, headers: { authorization: 'Bearer {{secrets.mcp}}' } }],
      script: [ask('calc__add', { a: 2, b: 3 }), { text: 'five' }],
    };
    const tools = await toolNames(agent);
    expect(tools).toEqual(expect.arrayContaining([expect.stringMatching(/add/) as string]));
    const add = tools.find((name) => name.includes('add')) ?? '';
    const run = await api.start({
      agent: { ...agent, script: [ask(add, { a: 2, b: 3 }), { text: 'five' }] },
      input: 'x',
      secrets: { mcp: 'mcp-secret-1' },
    });
    await api.reaches(run.id, 'succeeded');
    expect(JSON.stringify(await result(run.id))).toContain('5');
    expect(mcp.authorization).toContain('Bearer mcp-secret-1');
  });

  it('may need an approval', async () => {
    await using mcp = await startMcpTarget();
    const { api } = world();
    const agent = {
      model: 'script/inline',
      mcpServers: [{ name: 'bank', url: mcp.url, approval: 'always' }],
    };
    const pay = (await toolNames(agent)).find((name) => name.includes('pay')) ?? '';
    const run = await api.start({
      agent: { ...agent, script: [ask(pay, { amount: 9 }), { text: 'paid' }] },
      input: 'x',
    });
    await api.reaches(run.id, 'waiting');
    expect(mcp.paid).toEqual([]);
    const wait = only(await api.openWaits(run.id));
    await api.answer(wait.id, { decision: 'approve', digest: wait.digest ?? '' });
    await api.reaches(run.id, 'succeeded');
    expect(mcp.paid).toEqual([9]);
  });

  it('that cannot be reached is a failed turn, not a broken run', async () => {
    const { api } = world();
    const gone = await startMcpTarget();
    await gone[Symbol.asyncDispose]();
    const agent = { model: 'script/inline', mcpServers: [{ name: 'gone', url: gone.url }] };
    const run = await api.start({ agent: { ...agent, script: [{ text: 'x' }] }, input: 'x' });
    const failed = await api.event(run.id, 'turn.failed');
    expect(failed.data).toMatchObject({ turn: 1, retryAfterMs: expect.any(Number) as number });
    await api.command(run.id, 'cancel');
  });
});

/** The names under which the agent's tools stand: a script that calls a tool that is not there is told which are. */
async function toolNames(agent: Body): Promise<string[]> {
  const { api } = world();
  const run = await api.start({
    agent: { ...agent, script: [ask('what_is_there')] },
    input: 'x',
    secrets: { mcp: 'm' },
  });
  const failed = await api.reaches(run.id, 'failed');
  return (/it has: (.*)\)/.exec(failed.error?.message ?? '')?.[1] ?? '').split(', ');
}
