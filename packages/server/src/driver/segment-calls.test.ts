import { describe, expect, it } from 'vitest';
import { EngineError } from '../engine/errors.ts';
import {
  ANNA,
  answering,
  begin,
  eventsOf,
  messaging,
  resuming,
  results,
  worldOf,
  type TestTool,
} from './segment.fixture.ts';

describe('calls of one turn', () => {
  it('are requested side by side, and each is committed as soon as it is done', async () => {
    let most = 0;
    let now = 0;
    const handler =
      (ms: number): TestTool['handler'] =>
      async ({ signal }) => {
        most = Math.max(most, ++now);
        await world.clock.sleep(ms, signal);
        now -= 1;
        return { kind: 'completed', output: ms };
      };
    const world = worldOf(
      [{ tool: 'a' }, { tool: 'b' }, { tool: 'c' }],
      [
        { name: 'a', handler: handler(300) },
        { name: 'b', handler: handler(100) },
        { name: 'c', handler: handler(200) },
      ],
    );
    const run = world.start();
    await world.drive(run);
    expect(most).toBe(3);
    expect(eventsOf(run, 'tool.completed').map(({ output }) => output)).toEqual([100, 200, 300]);
    expect(results(world)).toEqual([300, 100, 200]);
  });

  it('go on as far as they can: an answer to one starts it while another is under way', async () => {
    const world = worldOf(
      [{ tool: 'slow' }, { tool: 'pay' }, { tool: 'page' }],
      [
        {
          name: 'slow',
          handler: async ({ signal }) => {
            await world.clock.sleep(10_000, signal);
            return { kind: 'completed', output: 'slow' };
          },
        },
        { name: 'pay', approval: 'always' },
        { name: 'page', type: 'client' },
      ],
    );
    const run = world.start();
    const segment = await begin(world, run);
    await world.clock.settle();
    expect(run.state.waits.map(({ kind }) => kind)).toEqual(['approval', 'tool_output']);
    await world.send(run, answering(run, { decision: 'approve' }));
    await world.clock.settle();
    expect(eventsOf(run, 'tool.completed').map(({ tool }) => tool)).toEqual(['pay']);
    await world.clock.run(segment.done);
    expect(run.state.status).toBe('waiting');
    await world.send(run, answering(run, { output: { clicked: true } }));
    await world.drive(run);
    expect(results(world)).toEqual(['slow', 'pay done', { clicked: true }]);
    expect(run.state.status).toBe('succeeded');
  });

  it('with an unknown tool or arguments that do not fit fail with something the model can use', async () => {
    const inputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    const world = worldOf(
      [{ tool: 'nope' }, { tool: 'count', args: {} }, { tool: 'count', args: 'no json' }],
      [{ name: 'count', inputSchema }],
    );
    const run = world.start();
    await world.drive(run);
    expect(results(world)).toEqual([
      'there is no tool named nope',
      "the arguments are not valid: must have required property 'n'",
      'the arguments are not valid: must be object',
    ]);
    expect(world.requests.size).toBe(0);
  });

  it('are superseded by a message, whose turn begins at once', async () => {
    const world = worldOf(
      [{ tool: 'page' }, { tool: 'step' }],
      [{ name: 'page', type: 'client' }, { name: 'step' }],
    );
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('waiting');
    await world.send(run, messaging('Never mind', 'supersede'));
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(results(world)).toEqual(['not executed: superseded by a message', 'step done']);
  });

  it('beyond the limit put a budget hold on the run, and the rest is done after a resume', async () => {
    const world = worldOf(
      [{ tool: 'step' }, { tool: 'page' }, { tool: 'step' }],
      [{ name: 'step' }, { name: 'page', type: 'client' }],
    );
    const run = world.start({ limits: { maxToolCalls: 2 } });
    await world.drive(run);
    expect(run.state).toMatchObject({ status: 'paused', holds: [{ name: 'budget' }] });
    await world.send(run, resuming());
    await world.drive(run);
    await world.send(run, answering(run, { output: 1 }));
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect([...world.requests.values()]).toEqual([1, 1]);
  });

  it('whose arguments are too large for a wait fail, and the model goes on', async () => {
    const world = worldOf([{ tool: 'page' }], [{ name: 'page', type: 'client' }]);
    const run = world.start();
    world.store.fault = ({ commands }) =>
      commands[0]?.type === 'openWaits'
        ? { refuse: new EngineError('payload_too_large', 'too large') }
        : undefined;
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(results(world)).toEqual(['the arguments are too large to be shown to a person']);
  });

  it('keep a big output as a blob, with its beginning in the log', async () => {
    const big = 'é'.repeat(150_000);
    const world = worldOf(
      [{ tool: 'read' }],
      [{ name: 'read', handler: () => ({ kind: 'completed', output: { text: big } }) }],
    );
    const run = world.start();
    await world.drive(run);
    const output = eventsOf(run, 'tool.completed')[0]?.output as { blob: string; preview: string };
    expect(output).toMatchObject({ truncated: true, mediaType: 'application/json', sizeBytes: 300_011 });
    expect(output.preview).toHaveLength(4_000);
    const blob = await world.store.blobs.get(1, output.blob.replace('blob:sha256-', ''));
    expect(JSON.parse(Buffer.from(blob?.bytes ?? []).toString())).toEqual({ text: big });
  });
});

describe('a tool that waits', () => {
  it('asks a person, with the schema of the answer', async () => {
    const schema = { type: 'object', properties: { ok: { type: 'boolean' } } };
    const world = worldOf(
      [{ tool: 'ask_user', args: { question: 'Shall I?', schema } }],
      [{ name: 'ask_user', type: 'builtin' }],
    );
    const run = world.start();
    await world.drive(run);
    expect(eventsOf(run, 'wait.opened')[0]).toMatchObject({ kind: 'input', prompt: 'Shall I?', schema });
    await world.send(run, answering(run, { value: { ok: true } }));
    await world.drive(run);
    expect(results(world)).toEqual([{ ok: true }]);
  });

  it('does not ask with a schema that cannot be used', async () => {
    const world = worldOf(
      [{ tool: 'ask_user', args: { question: 'Shall I?', schema: { type: 'nonsense' } } }],
      [{ name: 'ask_user', type: 'builtin' }],
    );
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(results(world)[0]).toMatch(/schema of the answer cannot be used/);
  });

  it('sleeps until an absolute time', async () => {
    const world = worldOf(
      [{ tool: 'sleep_until', args: { seconds: 90 } }],
      [{ name: 'sleep_until', type: 'builtin' }],
    );
    const run = world.start();
    const began = world.clock.now();
    await world.drive(run);
    const [wait] = run.state.waits;
    expect(wait).toMatchObject({ kind: 'timer', deadlineAt: new Date(began + 90_000).toISOString() });
    const { deadlineAt = null, id = '' } = wait ?? {};
    await world.clock.run(world.clock.sleep(90_000, new AbortController().signal));
    await world.send(run, { type: 'expire', by: ANNA, waitId: id, expectedDeadlineAt: deadlineAt });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
  });

  it('delegates: the child run is created in the commit that opens the wait for it', async () => {
    const world = worldOf(
      [{ tool: 'delegate', args: { input: 'Do it.', title: 'A part' } }],
      [{ name: 'delegate', type: 'builtin' }],
    );
    const run = world.start({ limits: { maxTurns: 5 } });
    await world.drive(run);
    expect(run.state.status).toBe('waiting');
    expect(
      world
        .types(run)
        .filter((type) => type !== 'message.delta')
        .slice(-4),
    ).toEqual(['message.completed', 'wait.opened', 'child.started', 'run.waiting']);
    const [wait] = run.state.waits;
    const child = world.store.get(wait?.childRunId ?? '');
    expect(child.state).toMatchObject({ parentId: run.state.runId, depth: 1, limits: { maxTurns: 4 } });
    expect(child.events[0]?.data).toMatchObject({
      parent: { runId: run.state.runId, callId: wait?.callId, waitId: wait?.id },
      input: 'Do it.',
      title: 'A part',
      by: ANNA,
    });
  });

  it.each([
    ['to an agent that is not there', { input: 'x', agent: 'agent_none' }, {}, 'There is no such agent'],
    [
      'with a tool that it does not have',
      { input: 'x', agent: { tools: ['pay'] } },
      {},
      'pay is none of the tools of this run',
    ],
    [
      'with a request that the model defines itself',
      { input: 'x', agent: { tools: [{ type: 'http', name: 'pay', http: { url: 'http://a/' } }] } },
      {},
      'pay: an inline agent may name tools of this run, or define client and builtin ones',
    ],
    ['too deep', { input: 'x' }, { depth: 8 }, 'runs delegate at most 8 deep; do the task yourself'],
  ])('cannot delegate %s', async (_what, args, created, problem) => {
    const world = worldOf([{ tool: 'delegate', args }], [{ name: 'delegate', type: 'builtin' }]);
    const run = world.start({}, created);
    await world.drive(run);
    expect(results(world)).toEqual([problem]);
    expect(run.state.children).toBeUndefined();
  });

  it('expires by its ladder, and the model goes on', async () => {
    const world = worldOf(
      [{ tool: 'page' }],
      [
        {
          name: 'page',
          type: 'client',
          deadline: [
            { after: 10, notify: 'ops' },
            { after: 60, expire: true },
          ],
        },
      ],
    );
    const run = world.start();
    const began = world.clock.now();
    await world.drive(run);
    for (const seconds of [10, 60]) {
      const deadlineAt = run.state.waits[0]?.deadlineAt ?? null;
      expect(deadlineAt).toBe(new Date(began + seconds * 1_000).toISOString());
      const left = began + seconds * 1_000 - world.clock.now();
      await world.clock.run(world.clock.sleep(left, new AbortController().signal));
      const waitId = run.state.waits[0]?.id ?? '';
      await world.send(run, { type: 'expire', by: ANNA, waitId, expectedDeadlineAt: deadlineAt });
    }
    await world.drive(run);
    expect(eventsOf(run, 'wait.escalated')).toMatchObject([{ step: 0, action: { notify: 'ops' } }]);
    expect(results(world)).toEqual(['nobody answered in time']);
    expect(run.state.status).toBe('succeeded');
  });
});
