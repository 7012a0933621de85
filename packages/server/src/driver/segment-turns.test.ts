import { describe, expect, it } from 'vitest';
import { textOf } from '@fermata/protocol';
import type { StepFailure } from '../agent/failure.ts';
import type { ModelRequest } from '../agent/models/model-request.ts';
import { fold } from '../engine/apply.ts';
import {
  begin,
  createTestWorld,
  eventsOf,
  fails,
  messaging,
  pausing,
  resuming,
  says,
} from './segment.fixture.ts';

const BUSY: StepFailure = {
  kind: 'retryable',
  afterMs: 1_000,
  code: 'provider_failed',
  message: 'busy',
  status: 429,
};
const BROKEN: StepFailure = {
  kind: 'terminal',
  code: 'provider_failed',
  message: 'no such model',
  status: 404,
};

function userTexts(request: ModelRequest | undefined): string[] {
  return (request?.messages ?? []).filter(({ role }) => role === 'user').map(({ parts }) => textOf(parts));
}

describe('a turn', () => {
  it('commits all deltas, in order, before the answer that they make up', async () => {
    const world = createTestWorld({
      model: async ({ onDelta, signal }) => {
        for (const word of ['Good ', 'day ', 'to ', 'you']) {
          onDelta({ part: 0, channel: 'text', text: word });
          await world.clock.sleep(30, signal);
        }
        return says('Good day to you');
      },
    });
    const run = world.start();
    await world.drive(run);
    const deltas = eventsOf(run, 'message.delta');
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.map((delta) => delta.text).join('')).toBe('Good day to you');
    const types = world.types(run);
    expect(types.lastIndexOf('message.delta')).toBeLessThan(types.indexOf('message.completed'));
    expect(run.state).toEqual(fold(run.events));
  });

  it('is tried again after what the provider asked for, and then goes on', async () => {
    const world = createTestWorld({
      model: ({ attempt }) => (attempt < 3 ? fails(BUSY) : says('Here I am')),
    });
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    const failures = eventsOf(run, 'turn.failed');
    expect(failures.map(({ attempt }) => attempt)).toEqual([1, 2]);
    for (const { retryAfterMs } of failures) expect(retryAfterMs).toBeGreaterThanOrEqual(1_000);
    expect(eventsOf(run, 'turn.started').map(({ turn, attempt }) => [turn, attempt])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ]);
  });

  it('fails the run when the provider keeps failing', async () => {
    const world = createTestWorld({ model: () => fails(BUSY), deps: { limits: { turnAttempts: 3 } } });
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('failed');
    expect(eventsOf(run, 'turn.failed')).toHaveLength(3);
    expect(eventsOf(run, 'run.failed')[0]?.error).toEqual({ code: 'provider_failed', message: 'busy' });
  });

  it('holds the run instead where it says so, and tries afresh after a resume', async () => {
    let isUp = false;
    const world = createTestWorld({
      model: () => (isUp ? says('Back again') : fails(BUSY)),
      deps: { limits: { turnAttempts: 2 } },
    });
    const run = world.start({}, { onProviderFailure: 'hold' });
    await world.drive(run);
    expect(run.state).toMatchObject({ status: 'paused', holds: [{ name: 'provider', reason: 'busy' }] });
    isUp = true;
    await world.send(run, resuming());
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
  });

  it('is not tried again when that cannot help', async () => {
    const world = createTestWorld({ model: () => fails(BROKEN) });
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('failed');
    expect(world.prompts).toHaveLength(1);
  });

  it('does not begin when nobody answers for the model', async () => {
    const world = createTestWorld({ model: () => says('never') });
    const run = world.start({ model: 'acme/big' });
    await world.drive(run);
    expect(eventsOf(run, 'run.failed')[0]?.error.code).toBe('provider_not_configured');
    expect(world.types(run)).not.toContain('turn.started');
  });

  it('takes in a message that came while the model was answering with the next turn', async () => {
    const world = createTestWorld({
      model: async ({ turn }) => {
        if (turn === 1) await world.send(run, messaging('And one more thing'));
        return says(`Answer ${turn}`);
      },
    });
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(world.prompts.map(userTexts)).toEqual([['Hello'], ['Hello', 'And one more thing']]);
    expect(world.prompts[1]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toBe('Answer 2');
  });

  it('loses no message that comes between its prompt and its start', async () => {
    const world = createTestWorld({ model: ({ turn }) => says(`Answer ${turn}`), hints: 'none' });
    const run = world.start();
    world.store.fault = async ({ commands }) => {
      if (commands[0]?.type !== 'startTurn' || commands[0].turn !== 1) return undefined;
      world.store.fault = null;
      await world.send(run, messaging('Wait!'));
      return undefined;
    };
    await world.drive(run);
    expect(world.prompts.map(userTexts)).toEqual([['Hello'], ['Hello', 'Wait!']]);
    expect(run.state.status).toBe('succeeded');
  });

  it('uses the model that a message names from then on', async () => {
    const world = createTestWorld({
      model: async ({ turn }) => {
        if (turn === 1) await world.send(run, { ...messaging('Think harder'), model: 'script/big' } as never);
        return says('Well');
      },
    });
    const run = world.start();
    await world.drive(run);
    expect(world.prompts.map(({ model }) => model)).toEqual(['script/test', 'script/big']);
    expect(eventsOf(run, 'turn.started').map(({ model }) => model)).toEqual(['script/test', 'script/big']);
  });

  it('lets the call finish when the run is paused at a checkpoint, and ends the run after the resume', async () => {
    const world = createTestWorld({
      model: async () => {
        await world.send(run, pausing('checkpoint'));
        expect(run.state.status).toBe('pausing');
        return says('Done all the same');
      },
    });
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('paused');
    await world.send(run, resuming());
    await world.drive(run);
    expect(world.prompts).toHaveLength(1);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toBe('Done all the same');
  });

  it('is made again after a pause that aborts it', async () => {
    const world = createTestWorld({
      model: async ({ signal, attempt }) => {
        if (attempt === 2) return says('Second try');
        await world.send(run, pausing('now'));
        expect(signal.aborted).toBe(true);
        return fails({ kind: 'aborted' });
      },
    });
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('paused');
    await world.send(run, resuming());
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(eventsOf(run, 'turn.started').map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('parks at once when it is paused while it waits to be tried again', async () => {
    const world = createTestWorld({
      model: ({ attempt }) => (attempt === 1 ? fails({ ...BUSY, afterMs: 60_000 }) : says('Thanks')),
    });
    const run = world.start();
    const began = world.clock.now();
    const segment = await begin(world, run);
    await world.clock.settle();
    await world.send(run, pausing('checkpoint'));
    await world.clock.settle();
    await segment.done;
    expect(world.clock.now()).toBe(began);
    expect(run.state.status).toBe('paused');
    await world.send(run, resuming());
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
  });

  it('keeps a snapshot every so many turns, from which the next segment starts', async () => {
    const world = createTestWorld({
      model: ({ turn }) => (turn < 5 ? says('', { tool: 'step' }) : says('End')),
      tools: [{ name: 'step' }],
      deps: { limits: { snapshotTurns: 2 } },
    });
    const run = world.start();
    await world.drive(run);
    expect(world.store.snapshots.kept.get(run.state.runId)?.seq).toBeGreaterThan(10);
    await world.send(run, { ...messaging('Again'), reopen: true } as never);
    await world.drive(run);
    expect(world.prompts.at(-1)?.messages).toHaveLength(7);
    expect(userTexts(world.prompts.at(-1))).toEqual(['Hello', 'Again']);
  });

  it('is begun for a run without any input', async () => {
    const world = createTestWorld({ model: () => says('Hello?') });
    const run = world.start({ instructions: 'Greet' }, { input: null });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(world.prompts[0]).toMatchObject({ instructions: 'Greet', messages: [] });
  });
});

describe('a structured result', () => {
  const output = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };

  it('becomes the output when it fits the schema', async () => {
    const world = createTestWorld({ model: () => says('```json\n{"n": 3}\n```') });
    const run = world.start({ output });
    await world.drive(run);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toEqual({ n: 3 });
  });

  it('is asked for once more, with what was wrong with it', async () => {
    const world = createTestWorld({
      model: ({ attempt }) => says(attempt === 1 ? '{"n": "x"}' : '{"n": 1}'),
    });
    const run = world.start({ output });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(userTexts(world.prompts[1]).at(-1)).toMatch(/not a valid result: \/n must be number/);
    expect(eventsOf(run, 'turn.failed')[0]?.error.code).toBe('invalid_output');
  });

  it('fails the run when it does not fit a second time', async () => {
    const world = createTestWorld({ model: () => says('not JSON at all') });
    const run = world.start({ output });
    await world.drive(run);
    expect(eventsOf(run, 'run.failed')[0]?.error.code).toBe('invalid_output');
    expect(world.prompts).toHaveLength(2);
  });
});
