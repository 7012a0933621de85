import type { Json } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { eventsOf, messaging, pausing, resuming, says } from '../segment.fixture.ts';
import { agentOf, createFlowWorld, ends, step } from './flow-world.fixture.ts';

const texts = (messages: readonly { parts: readonly object[] }[]): string[] =>
  messages.map(({ parts }) => parts.map((part) => ('text' in part ? String(part.text) : '?')).join(''));

describe('a run of a flow', () => {
  it('computes its steps in order, and ends with the output of the last', async () => {
    const world = createFlowWorld();
    const run = world.startFlow(
      [
        step('set', 'greeting', { variable: 'greeting', value: 'Hello {{ name }}' }),
        step('transform', 'long', {
          script: 'return { length: greeting.length, of: input.name }',
          output: 'sized',
        }),
        step('condition', 'big', {
          condition: 'sized.length > 5',
          then: [step('send', 'say', { text: 'It is {{ sized.length }}' })],
          else: [step('send', 'not', { text: 'no' })],
        }),
        step('set', 'off', { variable: 'x', value: 1, enabled: false }),
        step('set', 'never', { variable: 'x', value: 1, when: 'sized.length > 100' }),
        step('set', 'keeps', { variable: 'y', value: '{{ sized }}', when: 'x === null' }),
      ],
      { name: 'Ann' },
    );
    await world.driveFlow(run);
    expect(ends(run)).toEqual([
      ['greeting', 'Hello Ann'],
      ['long', { length: 9, of: 'Ann' }],
      ['big', true],
      ['say', 'It is 9'],
      ['off', 'skipped'],
      ['never', 'skipped'],
      ['keeps', { length: 9, of: 'Ann' }],
    ]);
    expect(run.state.status).toBe('succeeded');
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toEqual({ length: 9, of: 'Ann' });
  });

  it('knows itself, the input and the conversation by name', async () => {
    const world = createFlowWorld();
    const messages = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'two' },
      { role: 'user', content: 'three' },
    ];
    const all =
      '{{ user_message }}/{{ messages.size }}/{{ city }}/{{ _record.id }}/{{ _flow.name }}/{{ nothing }}';
    const run = world.startFlow([step('set', 'a', { variable: 'a', value: all })], {
      messages,
      inputs: { city: 'Bern' },
      record: { id: 7 },
    });
    await world.driveFlow(run);
    expect(ends(run)).toEqual([['a', 'three/3/Bern/7/Test flow/']]);
    expect(eventsOf(run, 'step.completed')[0]?.unresolved).toEqual(['nothing']);
  });

  it('fails with the step that fails, which it names', async () => {
    const world = createFlowWorld();
    const run = world.startFlow([
      step('transform', 'broken', { script: 'return nothing.at.all' }),
      step('set', 'after', { variable: 'x', value: 1 }),
    ]);
    await world.driveFlow(run);
    expect(run.state.status).toBe('failed');
    const [failure] = eventsOf(run, 'run.failed');
    expect(failure?.error.code).toBe('step_failed');
    expect(failure?.error.message).toMatch(/^step "Step broken" \(broken\) failed: /);
    expect(world.types(run)).not.toContain('step.completed');
  });

  it('is paused between two steps, and goes on with the next', async () => {
    const world = createFlowWorld({
      target: async () => {
        await world.send(run, pausing('checkpoint'));
        return Response.json({ n: 1 });
      },
    });
    const run = world.startFlow([
      step('http', 'get', { request: { url: 'https://a.test/x', method: 'GET' }, output: 'got' }),
      step('set', 'last', { variable: 'x', value: '{{ got.n }}' }),
    ]);
    await world.driveFlow(run);
    expect(run.state.status).toBe('paused');
    expect(ends(run)).toEqual([]);
    await world.send(run, resuming());
    await world.driveFlow(run);
    expect(ends(run)).toEqual([
      ['get', { n: 1 }],
      ['last', 1],
    ]);
    expect(world.seen).toHaveLength(1);
  });
});

describe('a step of an agent', () => {
  it('takes turns with its own instructions, prompt and tools', async () => {
    const world = createFlowWorld({
      model: ({ turn }) =>
        turn === 1 ? says('', { tool: 'record_note', args: { text: 'x' } }) : says('Fine'),
    });
    const run = world.startFlow(
      [
        step('agent', 'write', {
          agent: agentOf({
            instructions: 'Be {{ mood }}.',
            tools: [{ type: 'builtin', name: 'record_note' }],
          }),
          prompt: 'About {{ topic }}',
          output: 'text',
        }),
        step('set', 'last', { variable: 'x', value: '<{{ text }}>' }),
      ],
      { topic: 'rain', mood: 'kind' },
    );
    await world.driveFlow(run);
    expect(ends(run)).toEqual([
      ['write', 'Fine'],
      ['last', '<Fine>'],
    ]);
    expect(world.prompts[0]).toMatchObject({ instructions: 'Be kind.', turn: 1 });
    expect(world.prompts[1]).toMatchObject({ turn: 2 });
    expect(texts(world.prompts[0]?.messages ?? [])).toEqual(['About rain']);
    const completed = run.events.findIndex((event) => event.type === 'step.completed');
    expect(run.events.slice(completed - 2, completed).map((event) => event.type)).toEqual([
      'message.completed',
      'turn.completed',
    ]);
  });

  it('sees nothing of what another step has said, and counts its turns from one', async () => {
    const world = createFlowWorld({ model: ({ messages }) => says(`saw ${texts(messages).join('+')}`) });
    const run = world.startFlow([
      step('agent', 'a', { agent: agentOf(), output: 'first' }),
      step('agent', 'b', { agent: agentOf(), prompt: '{{ first }}!' }),
    ]);
    await world.driveFlow(run);
    expect(ends(run)).toEqual([
      ['a', 'saw Hello'],
      ['b', 'saw saw Hello!'],
    ]);
    expect(world.prompts.map(({ turn }) => turn)).toEqual([1, 1]);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toBe('saw saw Hello!');
  });

  it('takes in the messages that come while it works, and those that came before any step took turns', async () => {
    const world = createFlowWorld({
      model: async ({ messages }) => {
        if (world.prompts.length === 1) await world.send(run, messaging('wait, more'));
        return says(`saw ${texts(messages).join('+')}`);
      },
      target: async () => {
        await world.send(run, messaging('early'));
        return Response.json({});
      },
    });
    const run = world.startFlow([
      step('http', 'get', { request: { url: 'https://a.test/x', method: 'GET' } }),
      step('agent', 'a', { agent: agentOf(), prompt: 'Go' }),
      step('agent', 'b', { agent: agentOf(), prompt: 'Then' }),
    ]);
    await world.driveFlow(run);
    expect(ends(run).slice(1)).toEqual([
      ['a', 'saw Go+early+saw Go+early+wait, more'],
      ['b', 'saw Then'],
    ]);
  });

  it('makes its turn again when a pause aborts it, and is not begun again', async () => {
    const world = createFlowWorld({
      model: async () => {
        if (world.prompts.length === 1) await world.send(run, pausing('now'));
        return says(`answer ${world.prompts.length}`);
      },
    });
    const run = world.startFlow([step('agent', 'a', { agent: agentOf(), prompt: 'Go' })]);
    await world.driveFlow(run);
    expect(run.state.status).toBe('paused');
    await world.send(run, resuming());
    await world.driveFlow(run);
    expect(ends(run)).toEqual([['a', 'answer 2']]);
    expect(eventsOf(run, 'step.started')).toHaveLength(1);
    expect(eventsOf(run, 'turn.started').map(({ turn, attempt }) => [turn, attempt])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(world.prompts[1]?.messages).toEqual(world.prompts[0]?.messages);
  });

  it('gives JSON where it says so, and asks again once for an answer that is none', async () => {
    const world = createFlowWorld({
      model: ({ messages }) => says(messages.length > 1 ? '{"n": 1}' : 'one'),
    });
    const run = world.startFlow([step('agent', 'a', { agent: agentOf(), format: 'json' })]);
    await world.driveFlow(run);
    expect(ends(run)).toEqual([['a', { n: 1 }]]);
  });

  it('fails when it has used up the turns of its agent', async () => {
    const world = createFlowWorld({ model: () => says('', { tool: 'record_note' }) });
    const tools = [{ type: 'builtin', name: 'record_note' }];
    const run = world.startFlow([step('agent', 'a', { agent: agentOf({ tools, limits: { maxTurns: 2 } }) })]);
    await world.driveFlow(run);
    expect(ends(run)).toEqual([['a', 'max_turns']]);
    expect(world.prompts).toHaveLength(2);
    expect(run.state.status).toBe('failed');
  });
});

describe('a step that makes a call', () => {
  it('makes its request with what its templates say, and picks from the answer', async () => {
    const world = createFlowWorld({
      target: () => Response.json({ user: { name: 'Ann', tags: ['a', 'b'] } }),
    });
    const run = world.startFlow(
      [
        step('http', 'post', {
          request: {
            url: 'https://a.test/{{ path }}?q={{ q }}',
            method: 'POST',
            body: { n: '{{ n }}', text: 'is {{ q }}' },
          },
          pick: { name: 'user.name', tag: 'user.tags.1', none: 'user.none' },
        }),
      ],
      { path: 'a b', q: 'x&y', n: 5 },
    );
    await world.driveFlow(run);
    expect(world.seen).toMatchObject([
      { method: 'POST', url: 'https://a.test/a%20b?q=x%26y', body: { n: 5, text: 'is x&y' } },
    ]);
    expect(world.seen[0]?.key).toBe(`${run.state.runId}:1:${eventsOf(run, 'tool.started')[0]?.callId ?? ''}`);
    expect(ends(run)).toEqual([['post', { name: 'Ann', tag: 'b', none: null }]]);
  });

  it('reads the answer as it says', async () => {
    const request = { url: 'https://a.test/', method: 'GET' as const };
    const text = createFlowWorld({ target: () => Response.json({ a: 1 }) });
    const asText = text.startFlow([step('http', 'a', { request, response: 'text' })]);
    await text.driveFlow(asText);
    expect(ends(asText)).toEqual([['a', '{"a":1}']]);
    const plain = createFlowWorld({ target: () => new Response('no json') });
    const asJson = plain.startFlow([step('http', 'a', { request, response: 'json' })]);
    await plain.driveFlow(asJson);
    expect(ends(asJson)).toEqual([['a', 'invalid_output']]);
  });

  it('fails with what the target answers', async () => {
    const world = createFlowWorld({ target: () => new Response('gone', { status: 410 }) });
    const run = world.startFlow([step('http', 'a', { request: { url: 'https://a.test/', method: 'GET' } })]);
    await world.driveFlow(run);
    expect(ends(run)).toEqual([['a', 'http_410']]);
  });

  it('waits for the client, and for an approval of the exact call', async () => {
    const world = createFlowWorld();
    const run = world.startFlow(
      [
        step('tool', 'ask', {
          tool: { type: 'client', name: 'pick_color' },
          args: { of: '{{ what }}' },
          output: 'color',
        }),
        step('tool', 'paint', {
          tool: {
            type: 'http',
            name: 'paint',
            approval: 'always',
            http: { url: 'https://a.test/paint', method: 'POST' },
          },
          args: { color: '{{ color }}' },
        }),
      ],
      { what: 'wall' },
    );
    await world.driveFlow(run);
    expect(run.state).toMatchObject({
      status: 'waiting',
      waits: [{ kind: 'tool_output', tool: 'pick_color' }],
    });
    expect(eventsOf(run, 'wait.opened')[0]?.args).toEqual({ of: 'wall' });
    await world.driveFlow(run, { pick_color: { output: 'red' } });
    expect(run.state).toMatchObject({ status: 'waiting', waits: [{ kind: 'approval', tool: 'paint' }] });
    expect(world.seen).toEqual([]);
    await world.driveFlow(run, { 'approve paint': { decision: 'approve' } });
    expect(world.seen).toMatchObject([{ body: { color: 'red' } }]);
    expect(ends(run)).toEqual([
      ['ask', 'red'],
      ['paint', { ok: true }],
    ]);
  });

  it('fails when it is denied', async () => {
    const world = createFlowWorld();
    const tool = { type: 'builtin' as const, name: 'record_note', approval: 'always' as const };
    const run = world.startFlow([step('tool', 'a', { tool, args: { text: 'x' } })]);
    await world.driveFlow(run, { 'approve record_note': { decision: 'deny', reason: 'no' } });
    expect(ends(run)).toEqual([['a', 'denied']]);
    expect(run.state.status).toBe('failed');
  });
});

describe('a step that waits', () => {
  it('parks the run until its time', async () => {
    const world = createFlowWorld();
    const run = world.startFlow([
      step('wait', 'a', { delayMs: '{{ 40 | plus: 20 }}000' }),
      step('wait', 'b', { until: '2026-02-01T00:00:00Z' }),
      step('send', 'done', { text: 'done' }),
    ]);
    const began = world.clock.now();
    await world.driveFlow(run);
    const due = eventsOf(run, 'wait.opened').map(({ kind, deadlineAt }) => [kind, deadlineAt]);
    expect(due).toEqual([
      ['timer', new Date(began + 60_000).toISOString()],
      ['timer', '2026-02-01T00:00:00.000Z'],
    ]);
    expect(ends(run)).toEqual([
      ['a', null],
      ['b', null],
      ['done', 'done'],
    ]);
  });

  it('asks again and again until there is success, and not more often than it may', async () => {
    const target = (_: unknown, count: number): Response =>
      count === 2 ? new Response('', { status: 500 }) : Response.json({ done: count >= 3 });
    const poll = {
      request: { url: 'https://a.test/job', method: 'GET' as const },
      success: 'response.done',
      intervalMs: 1_000,
      maxAttempts: 5,
    };
    const world = createFlowWorld({ target });
    const run = world.startFlow([step('wait', 'a', { poll })]);
    await world.driveFlow(run);
    expect(world.seen).toHaveLength(3);
    expect(ends(run)).toEqual([['a', { done: true }]]);
    const short = createFlowWorld({ target });
    const failing = short.startFlow([step('wait', 'a', { poll: { ...poll, maxAttempts: 2 } })]);
    await short.driveFlow(failing);
    expect(ends(failing)).toEqual([['a', 'timed_out']]);
    const patient = createFlowWorld({ target });
    const going = patient.startFlow([
      step('wait', 'a', { poll: { ...poll, maxAttempts: 1 }, onTimeout: 'continue' }),
      step('send', 'b', { text: 'on' }),
    ]);
    await patient.driveFlow(going);
    expect(ends(going)).toEqual([
      ['a', { done: false }],
      ['b', 'on'],
    ]);
  });

  it('fails when its time is none', async () => {
    const world = createFlowWorld();
    const run = world.startFlow([step('wait', 'a', { until: 'tomorrow' })]);
    await world.driveFlow(run);
    expect(ends(run)).toEqual([['a', 'invalid_request']]);
  });
});

describe('an output that is too big for the log', () => {
  it('is whole for the steps after it', async () => {
    const big: Json = { items: Array.from({ length: 30_000 }, (_, n) => `item ${n}`) };
    const world = createFlowWorld({ target: () => Response.json(big) });
    const run = world.startFlow([
      step('http', 'get', { request: { url: 'https://a.test/', method: 'GET' }, output: 'big' }),
      step('transform', 'count', { script: 'return big.items.length' }),
      step('http', 'one', {
        request: { url: 'https://a.test/', method: 'GET' },
        pick: { last: 'items.29999' },
      }),
    ]);
    await world.driveFlow(run);
    expect(ends(run).slice(1)).toEqual([
      ['count', 30_000],
      ['one', { last: 'item 29999' }],
    ]);
    expect(ends(run)[0]?.[1]).toMatchObject({ truncated: true });
  });
});
