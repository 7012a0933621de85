import { describe, expect, it } from 'vitest';
import type { Json, Tool } from '@fermata/protocol';
import { fold } from '../engine/apply.ts';
import {
  answering,
  begin,
  createTestWorld,
  eventsOf,
  messaging,
  says,
  type TestTool,
  type TestWorld,
} from './segment.fixture.ts';

/** A model that asks for these calls turn by turn, and then reports. */
function asking(turns: { tool: string; args?: Json }[][], tools: TestTool[]): TestWorld {
  return createTestWorld({
    model: ({ turn }) => says(turns[turn - 1] === undefined ? 'Done' : '', ...(turns[turn - 1] ?? [])),
    tools,
  });
}

/** What the model was told last of each call. */
function told({ prompts }: TestWorld): unknown[] {
  const calls = prompts.at(-1)?.messages.flatMap((message) => message.calls) ?? [];
  return calls.map(({ output, error }) => output ?? error?.code);
}

describe('a tool that may be called only so often', () => {
  const PAY = { tool: 'pay' };

  it('is an error beyond that, in one turn and in the next, and the model goes on', async () => {
    const world = asking([[PAY, PAY, PAY], [PAY]], [{ name: 'pay', maxCalls: 2 }]);
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(told(world)).toEqual(['pay done', 'pay done', 'max_calls', 'max_calls']);
    expect(world.requests.size).toBe(2);
    expect(eventsOf(run, 'tool.failed')[0]?.error.message).toBe(
      'pay may be called at most 2 times in one run',
    );
  });

  it('does not count what was refused or denied, nor calls of others', async () => {
    const inputSchema = { type: 'object', properties: { amount: { type: 'number' } } };
    const world = asking(
      [[{ tool: 'pay', args: { amount: 'much' } }, { tool: 'look' }], [PAY], [PAY], [PAY]],
      [{ name: 'pay', inputSchema, maxCalls: 1, approval: 'always' }, { name: 'look' }],
    );
    const run = world.start();
    await world.drive(run);
    await world.send(run, answering(run, { decision: 'deny', reason: 'not yet' }));
    await world.drive(run);
    await world.send(run, answering(run, { decision: 'approve' }));
    await world.drive(run);
    expect(told(world)).toEqual(['invalid_arguments', 'look done', 'denied', 'pay done', 'max_calls']);
  });

  it('is counted by the log: also after a crash in the middle of a call', async () => {
    let isHanging = true;
    const pay: TestTool = {
      name: 'pay',
      maxCalls: 1,
      afterCrash: 'retry',
      handler: () => (isHanging ? new Promise(() => undefined) : { kind: 'completed', output: 'paid' }),
    };
    const world = asking([[PAY], [PAY]], [pay]);
    const run = world.start();
    const segment = await begin(world, run);
    await world.clock.run(
      (async () => {
        while (world.requests.size === 0) await world.clock.sleep(1, new AbortController().signal);
      })(),
    );
    segment.kill();
    isHanging = false;
    await world.adopt(run);
    await world.drive(run);
    expect(told(world)).toEqual(['paid', 'max_calls']);
    expect([...world.requests.values()]).toEqual([2]);
  });

  it('is counted over the whole run, however often it is reopened', async () => {
    const world = createTestWorld({
      model: ({ messages }) => (messages.at(-1)?.role === 'user' ? says('', PAY) : says('Done')),
      tools: [{ name: 'pay', maxCalls: 1 }],
    });
    const run = world.start({}, { input: 'Pay.' });
    await world.drive(run);
    await world.send(run, { ...messaging('Pay again.'), reopen: true } as ReturnType<typeof messaging>);
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(told(world)).toEqual(['pay done', 'max_calls']);
  });
});

describe('a tool that must be called', () => {
  const AUDIT: TestTool = { name: 'audit', mustCall: true };
  const OWN: Tool[] = ['audit', 'sign'].map((name) => ({ type: 'http', name, mustCall: true }));
  const choices = ({ prompts }: TestWorld): unknown[] => prompts.map(({ toolChoice }) => toolChoice);

  it('is forced in a turn of its own when the model would finish without it', async () => {
    const world = createTestWorld({
      model: ({ toolChoice, turn }) =>
        typeof toolChoice === 'object' ? says('', { tool: toolChoice.tool }) : says(`Answer ${turn}`),
      tools: [AUDIT],
    });
    const run = world.start({ tools: OWN });
    await world.drive(run);
    expect(run.state).toMatchObject({ status: 'succeeded', forced: ['audit'] });
    expect(choices(world)).toEqual([undefined, { tool: 'audit' }, undefined]);
    expect(eventsOf(run, 'turn.started').map(({ forced }) => forced)).toEqual([
      undefined,
      'audit',
      undefined,
    ]);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toBe('Answer 3');
    expect(told(world)).toEqual(['audit done']);
    expect(run.state).toEqual(fold(run.events));
  });

  it('is not forced when the model has called it of itself', async () => {
    const world = asking([[{ tool: 'audit' }]], [AUDIT]);
    const run = world.start({ tools: OWN });
    await world.drive(run);
    expect(choices(world)).toEqual([undefined, undefined]);
    expect(run.state.forced).toBeUndefined();
  });

  it('is forced once: a model that does not call it even then may finish', async () => {
    const world = createTestWorld({
      model: () => says('No.'),
      tools: [AUDIT, { name: 'sign', mustCall: true }],
    });
    const run = world.start({ tools: OWN });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(choices(world)).toEqual([undefined, { tool: 'audit' }, { tool: 'sign' }]);
  });

  it('stands before a structured result, which is asked for only then', async () => {
    const world = createTestWorld({
      model: ({ toolChoice, messages }) =>
        typeof toolChoice === 'object'
          ? says('', { tool: toolChoice.tool })
          : says(messages.some(({ calls }) => calls.length > 0) ? '{"n":1}' : 'not yet'),
      tools: [AUDIT],
    });
    const run = world.start({ tools: OWN, output: { type: 'object', required: ['n'] } });
    await world.drive(run);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toEqual({ n: 1 });
    expect(eventsOf(run, 'turn.failed')).toEqual([]);
  });

  it('is forced again in the same turn by whoever takes over after a crash, and after a failed attempt', async () => {
    let isHanging = true;
    const world = createTestWorld({
      model: ({ toolChoice, attempt }) => {
        if (typeof toolChoice !== 'object') return says('Done');
        if (isHanging) return new Promise(() => undefined);
        if (attempt === 2) {
          const busy = { kind: 'retryable', afterMs: 10, code: 'provider_failed', message: 'busy' } as const;
          return { ok: false, failure: busy };
        }
        return says('', { tool: toolChoice.tool });
      },
      tools: [AUDIT],
    });
    const run = world.start({ tools: OWN });
    const segment = await begin(world, run);
    await world.clock.run(
      (async () => {
        while (world.prompts.length < 2) await world.clock.sleep(1, new AbortController().signal);
      })(),
    );
    segment.kill();
    isHanging = false;
    await world.adopt(run);
    await world.drive(run);
    const forced = { tool: 'audit' };
    expect(choices(world)).toEqual([undefined, forced, forced, forced, undefined]);
    expect(
      eventsOf(run, 'turn.started').map(({ turn, attempt, forced: name }) => [turn, attempt, name]),
    ).toEqual([
      [1, 1, undefined],
      [2, 1, 'audit'],
      [2, 2, 'audit'],
      [2, 3, 'audit'],
      [3, 1, undefined],
    ]);
    expect(told(world)).toEqual(['audit done']);
    expect(run.state).toEqual(fold(run.events));
  });

  it('waits for what a person says meanwhile, which is answered first', async () => {
    const world = createTestWorld({
      model: async ({ toolChoice, turn }) => {
        if (turn === 1) await world.send(run, messaging('One more thing.', 'queue'));
        return typeof toolChoice === 'object' ? says('', { tool: toolChoice.tool }) : says('Done');
      },
      tools: [AUDIT],
    });
    const run = world.start({ tools: OWN });
    await world.drive(run);
    expect(choices(world)).toEqual([undefined, undefined, { tool: 'audit' }, undefined]);
    expect(run.state.status).toBe('succeeded');
  });
});
