import type { Json, Run } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { startMcpTarget } from '../../world/mcp-target.ts';
import { says, startFlow, step, stepEnds } from '../../world/flow-runs.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { answerJson } from '../../world/tool-target.ts';

const world = sharedWorld();

const start = (steps: Body[], more: Body = {}): Promise<Run> => startFlow(world().api, steps, more);
const ends = (runId: string): Promise<[string, Json | null][]> => stepEnds(world().api, runId);

describe('each type of step', () => {
  it('that computes: set, transform, condition, send, and one that is skipped', async () => {
    const run = await start(
      [
        step('set', 'who', { variable: 'who', value: '{{ first }} {{ last }}' }),
        step('transform', 'up', { script: 'return who.toUpperCase()', output: 'loud' }),
        step('condition', 'long', {
          condition: 'loud.length > 5',
          then: [step('send', 'hi', { text: 'Hi, {{ loud }}!' })],
        }),
        step('set', 'no', { variable: 'x', value: 1, when: 'loud === ""' }),
      ],
      { input: { first: 'Ann', last: 'Lee' } },
    );
    const done = await world().api.finished(run.id);
    expect(done).toMatchObject({ status: 'succeeded', output: 'Hi, ANN LEE!', kind: 'flow', turn: 0 });
    expect(await ends(run.id)).toEqual([
      ['who', 'Ann Lee'],
      ['up', 'ANN LEE'],
      ['long', true],
      ['hi', 'Hi, ANN LEE!'],
      ['no', 'skipped'],
    ]);
  });

  it('agent: turns with its own conversation, and calls of its own', async () => {
    const { api } = world();
    const script = [{ toolCalls: [{ tool: 'ask_color', args: {} }] }, { text: 'It is {{input}}' }];
    const agent = { model: 'script/flow', script, tools: [{ type: 'client', name: 'ask_color' }] };
    const run = await start([
      step('agent', 'a', { agent, prompt: 'Which colour is {{ user_message }}?', output: 'a' }),
      step('agent', 'b', { agent: says('{{input}}'), prompt: 'Said: {{ a }}' }),
    ]);
    await api.reaches(run.id, 'waiting');
    const wait = only(await api.openWaits(run.id));
    await api.answerCall(run.id, wait.callId ?? '', { output: 'red' });
    const done = await api.finished(run.id);
    expect(done).toMatchObject({ status: 'succeeded', output: 'Said: It is Which colour is Hello?' });
    const types = await api.types(run.id);
    const last = types.lastIndexOf('step.completed');
    expect(types.slice(last - 2, last + 2)).toEqual([
      'message.completed',
      'turn.completed',
      'step.completed',
      'run.succeeded',
    ]);
  });

  it('agent: delegates to a child run, which is held and goes on with it', async () => {
    const { api } = world();
    const child = { name: 'child', model: 'script/child', script: [{ text: 'Hm', delayMs: 400 }] };
    const script = [
      { toolCalls: [{ tool: 'delegate', args: { input: 'go', agent: child } }] },
      { text: 'It says Hm' },
    ];
    const agent = { model: 'script/flow', script, tools: [{ type: 'builtin', name: 'delegate' }] };
    const run = await start([step('agent', 'a', { agent }), step('send', 'b', { text: 'done' })]);
    await api.event(run.id, 'child.started');
    await api.command(run.id, 'pause');
    await api.event(run.id, 'tree.paused');
    await api.command(run.id, 'resume');
    expect(await api.finished(run.id)).toMatchObject({ status: 'succeeded', output: 'done' });
    expect(await ends(run.id)).toEqual([
      ['a', 'It says Hm'],
      ['b', 'done'],
    ]);
  });

  it('agent: begins with its session, and the session goes on with what it has said', async () => {
    const { api } = world();
    const steps = [step('agent', 'a', { agent: says('I heard {{input}}') })];
    const first = await start(steps, { input: 'one', sessionKey: 'flow-session' });
    await api.finished(first.id);
    const all = '{% for m in messages %}{{ m.role }}: {{ m.content }}. {% endfor %}';
    const second = await start([step('send', 'b', { text: all })], {
      input: 'two',
      sessionKey: 'flow-session',
    });
    expect(await api.finished(second.id)).toMatchObject({
      output: 'user: one. assistant: I heard one. user: two. ',
    });
  });

  it('http and tool: requests under their keys, with secrets that only the request has', async () => {
    const { api, target } = world();
    const run = await start(
      [
        step('http', 'get', {
          request: {
            url: `${target.url}/flow/{{ user_message }}?a={{ nothing }}`,
            method: 'POST',
            headers: { authorization: 'Bearer {{secrets.token}}' },
            body: { said: '{{ user_message }}' },
          },
          pick: { ok: 'ok' },
          output: 'got',
        }),
        step('tool', 'note', {
          tool: { type: 'http', name: 'note', http: { url: `${target.url}/flow-note`, method: 'POST' } },
          args: { ok: '{{ got.ok }}' },
        }),
      ],
      { input: 'a b', secrets: { token: 'very-secret' } },
    );
    await api.finished(run.id);
    expect(await ends(run.id)).toEqual([
      ['get', { ok: true }],
      ['note', { ok: true }],
    ]);
    const seen = target.seen.filter(({ key }) => key.startsWith(run.id));
    expect(seen).toMatchObject([
      { path: '/flow/a%20b?a=', body: '{"said":"a b"}', headers: { authorization: 'Bearer very-secret' } },
      { path: '/flow-note', body: '{"ok":true}' },
    ]);
    expect(JSON.stringify(await api.events(run.id))).not.toContain('very-secret');
    const completed = (await api.events(run.id)).find((event) => event.type === 'step.completed');
    expect(completed?.data).toMatchObject({ unresolved: ['nothing'] });
  });

  it('tool: of an MCP server, which is asked with the run’s secrets', async () => {
    const { api } = world();
    await using mcp = await startMcpTarget();
    const server = { name: 'calc', url: mcp.url, headers: { authorization: 'Bearer {{secrets.mcp}}' } };
    const run = await start(
      [
        step('tool', 'add', {
          tool: { type: 'mcp', name: 'add', server: 'calc' },
          mcpServers: [server],
          args: { a: '{{ a }}', b: 3 },
        }),
      ],
      { input: { a: 2 }, secrets: { mcp: 'mcp-secret-2' } },
    );
    expect(await api.finished(run.id)).toMatchObject({ status: 'succeeded' });
    expect(JSON.stringify(await ends(run.id))).toContain('5');
    expect(mcp.authorization).toContain('Bearer mcp-secret-2');
  });

  it('wait: a timer that parks the run, and a poll', async () => {
    const { api, target } = world();
    let asked = 0;
    target.handler = ({ path }, response) =>
      answerJson(response, path === '/flow-poll' ? { done: (asked += 1) > 1 } : { ok: true });
    const poll = {
      request: { url: `${target.url}/flow-poll`, method: 'GET' },
      success: 'response.done',
      intervalMs: 200,
      maxAttempts: 5,
    };
    const run = await start([step('wait', 'a', { delayMs: 300 }), step('wait', 'b', { poll, output: 'b' })]);
    const done = await api.finished(run.id);
    expect(done).toMatchObject({ status: 'succeeded', output: { done: true } });
    expect(await ends(run.id)).toEqual([
      ['a', null],
      ['b', { done: true }],
    ]);
    expect((await api.types(run.id)).filter((type) => type === 'run.waiting').length).toBeGreaterThanOrEqual(
      2,
    );
  });
});

describe('a step that fails', () => {
  it('by a script that never ends, or takes all memory, fails its step and nothing else', async () => {
    const { api } = world();
    const loop = await start([step('transform', 'loop', { script: 'for (;;);' })]);
    const eat = await start([
      step('transform', 'eat', {
        script: 'const all = []; for (;;) all.push(new Array(100000).fill(1));',
        onError: { then: 'continue' },
      }),
      step('send', 'on', { text: 'still here' }),
    ]);
    const failed = await api.finished(loop.id);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'step_failed' } });
    expect(failed.error?.message).toMatch(/"Step loop" \(loop\)/);
    expect(await ends(loop.id)).toEqual([['loop', 'script_timeout']]);
    expect(await api.finished(eat.id)).toMatchObject({ status: 'succeeded', output: 'still here' });
    expect(await ends(eat.id)).toEqual([
      ['eat', 'script_memory'],
      ['on', 'still here'],
    ]);
    expect((await api.finished((await start([step('send', 'x', { text: 'fine' })])).id)).output).toBe('fine');
  });

  it('is tried again by retry of the run, and the steps before it are not', async () => {
    const { api, target } = world();
    let isUp = false;
    target.handler = (_request, response) => answerJson(response, { up: isUp }, isUp ? 200 : 500);
    const run = await start([
      step('tool', 'first', {
        tool: { type: 'http', name: 'first', http: { url: `${target.url}/retry-first`, method: 'POST' } },
        onError: { then: 'fail', fallbacks: [{ type: 'output', output: 'instead' }] },
      }),
      step('http', 'second', { request: { url: `${target.url}/retry-second`, method: 'GET' } }),
    ]);
    expect(await api.finished(run.id)).toMatchObject({ status: 'failed' });
    isUp = true;
    await api.command(run.id, 'retry');
    expect(await api.finished(run.id)).toMatchObject({ status: 'succeeded', output: { up: true } });
    const paths = target.seen.filter(({ key }) => key.startsWith(run.id)).map(({ path }) => path);
    expect(paths.filter((path) => path === '/retry-first')).toHaveLength(1);
    expect(paths.filter((path) => path === '/retry-second')).toHaveLength(2);
  });

  it('by a private address, is refused before anything leaves', async () => {
    const run = await start([step('http', 'x', { request: { url: 'http://10.0.0.1/', method: 'GET' } })]);
    await world().api.finished(run.id);
    expect(await ends(run.id)).toEqual([['x', 'blocked']]);
  });
});
