import type { AgentFallback } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { StepFailure } from '../agent/failure.ts';
import { fold } from '../engine/apply.ts';
import {
  begin,
  createTestWorld,
  eventsOf,
  fails,
  resuming,
  says,
  type ModelScript,
  type TestWorld,
  type TestWorldOptions,
} from './segment.fixture.ts';

const BUSY: StepFailure = { kind: 'retryable', afterMs: 10, code: 'provider_failed', message: 'busy' };
const BROKEN: StepFailure = { kind: 'terminal', code: 'provider_failed', message: 'no such model' };

const OTHER: AgentFallback = { type: 'model', model: 'script/other' };
const AGAIN: AgentFallback = { type: 'retry' };
const GIVEN: AgentFallback = { type: 'output', output: 'I am sorry.' };

/** A world whose models answer by name; those that are not named are busy. */
function worldOfModels(
  answers: Record<string, ModelScript>,
  options: Partial<TestWorldOptions> = {},
): TestWorld {
  return createTestWorld({
    model: (request, calls) => answers[request.model]?.(request, calls) ?? fails(BUSY),
    ...options,
    deps: { limits: { turnAttempts: 2 }, ...options.deps },
  });
}

function models({ prompts }: TestWorld): string[] {
  return prompts.map(({ model }) => model);
}

const OWN = 'script/own';

describe('the fallbacks of an agent', () => {
  it('are tried in their order, once each, when the retries of its model are used up', async () => {
    const world = worldOfModels({ 'script/third': () => says('Here I am') });
    const run = world.start({
      model: OWN,
      fallbacks: [{ ...AGAIN, delayMs: 5_000 }, OTHER, { type: 'model', model: 'script/third' }, GIVEN],
    });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(models(world)).toEqual([OWN, OWN, OWN, 'script/other', 'script/third']);
    expect(
      eventsOf(run, 'turn.failed').map(({ fallback, retryAfterMs }) => [fallback, retryAfterMs]),
    ).toEqual([
      [undefined, expect.any(Number)],
      [0, 5_000],
      [1, 0],
      [2, 0],
    ]);
    expect(eventsOf(run, 'turn.started').map(({ fallback, model }) => [fallback, model])).toEqual([
      [undefined, OWN],
      [undefined, OWN],
      [0, OWN],
      [1, 'script/other'],
      [2, 'script/third'],
    ]);
    expect(eventsOf(run, 'message.completed')[0]?.model).toBe('script/third');
    expect(run.state).toEqual(fold(run.events));
  });

  it('come at once for what no retry can help, and are for one turn', async () => {
    const world = worldOfModels(
      {
        [OWN]: ({ turn }) => (turn === 1 ? fails(BROKEN) : says('Done')),
        'script/other': () => says('', { tool: 'look' }),
      },
      { tools: [{ name: 'look' }] },
    );
    const run = world.start({ model: OWN, fallbacks: [OTHER] });
    await world.drive(run);
    expect(models(world)).toEqual([OWN, 'script/other', OWN]);
    expect(eventsOf(run, 'turn.started').map(({ fallback }) => fallback)).toEqual([undefined, 0, undefined]);
    expect(run.state.status).toBe('succeeded');
  });

  it('end the turn with a given answer, which is the run’s, streamed and free of charge', async () => {
    const world = worldOfModels(
      {},
      { deps: { priceOf: (model) => (model.startsWith('script/') ? 0 : null) } },
    );
    const run = world.start({ model: OWN, fallbacks: [GIVEN] });
    await world.drive(run);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toBe('I am sorry.');
    expect(eventsOf(run, 'message.delta').map(({ text }) => text)).toEqual(['I am sorry.']);
    expect(eventsOf(run, 'message.completed')[0]).toMatchObject({
      parts: [{ type: 'text', text: 'I am sorry.' }],
      usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
      model: 'script/fallback',
      finishReason: 'stop',
    });
    expect(run.state).toEqual(fold(run.events));
  });

  it('go before what the agent says of failures of its provider, and that counts when they are used up', async () => {
    const world = worldOfModels({});
    const failed = world.start({ model: OWN, fallbacks: [AGAIN] });
    await world.drive(failed);
    expect(failed.state.status).toBe('failed');
    expect(world.prompts).toHaveLength(3);
    const held = world.start({ model: OWN, fallbacks: [OTHER] }, { onProviderFailure: 'hold' });
    await world.drive(held);
    expect(held.state).toMatchObject({ status: 'paused', holds: [{ name: 'provider' }] });
  });

  it('begin anew after a hold, with the run’s own model', async () => {
    let isDown = true;
    const world = worldOfModels({ [OWN]: () => (isDown ? fails(BROKEN) : says('Here I am')) });
    const run = world.start({ model: OWN, fallbacks: [OTHER] }, { onProviderFailure: 'hold' });
    await world.drive(run);
    expect(models(world)).toEqual([OWN, 'script/other']);
    isDown = false;
    await world.send(run, resuming());
    await world.drive(run);
    expect(models(world)).toEqual([OWN, 'script/other', OWN]);
    expect(run.state.status).toBe('succeeded');
  });

  it('are gone on with after a crash, not begun anew', async () => {
    let isHanging = true;
    const world = worldOfModels({
      'script/other': () => (isHanging ? new Promise(() => undefined) : fails(BUSY)),
      'script/third': () => says('Here I am'),
    });
    const run = world.start({ model: OWN, fallbacks: [OTHER, { type: 'model', model: 'script/third' }] });
    const segment = await begin(world, run);
    await world.clock.run(
      (async () => {
        while (!models(world).includes('script/other')) {
          await world.clock.sleep(10, new AbortController().signal);
        }
      })(),
    );
    segment.kill();
    isHanging = false;
    await world.adopt(run);
    await world.drive(run);
    expect(models(world)).toEqual([OWN, OWN, 'script/other', 'script/other', 'script/third']);
    expect(run.state.status).toBe('succeeded');
    expect(run.state).toEqual(fold(run.events));
  });

  it('stand for a model that nobody answers for, and leave out a fallback of that kind', async () => {
    const world = worldOfModels({ 'script/other': () => says('Here I am') });
    const run = world.start({ model: 'gpt-9', fallbacks: [{ type: 'model', model: 'gpt-8' }, OTHER] });
    await world.drive(run);
    expect(models(world)).toEqual(['script/other']);
    expect(eventsOf(run, 'turn.failed').map(({ error }) => error.message)).toEqual([
      'nobody answers for gpt-9',
      'nobody answers for gpt-8',
    ]);
    expect(run.state.status).toBe('succeeded');
    const without = world.start({ model: 'gpt-9', fallbacks: [{ type: 'model', model: 'gpt-8' }] });
    await world.drive(without);
    expect(eventsOf(without, 'run.failed')[0]?.error).toEqual({
      code: 'provider_not_configured',
      message: 'nobody answers for gpt-8',
    });
  });

  it('leave out a model without a price in a run whose cost is limited', async () => {
    const priceOf = (model: string): number | null => (model === OWN ? 0 : null);
    const world = worldOfModels({ 'script/other': () => says('Dear') }, { deps: { priceOf } });
    const run = world.start({ model: OWN, fallbacks: [OTHER, AGAIN] }, { limits: { maxCostUsd: 1 } });
    await world.drive(run);
    expect(models(world)).toEqual([OWN, OWN, OWN]);
  });

  it('are not for answers that are no valid result, nor is a given one that is none taken', async () => {
    const output = { type: 'object', required: ['n'] };
    const world = worldOfModels({ [OWN]: () => says('no JSON') });
    const invalid = world.start({ model: OWN, output, fallbacks: [GIVEN] });
    await world.drive(invalid);
    expect(eventsOf(invalid, 'run.failed')[0]?.error.code).toBe('invalid_output');
    expect(world.prompts).toHaveLength(2);
    const busy = worldOfModels({});
    const run = busy.start({ model: OWN, output, fallbacks: [GIVEN, { type: 'output', output: '{"n":1}' }] });
    await busy.drive(run);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toEqual({ n: 1 });
  });

  it('do without the agent’s script, which is for its own model', async () => {
    const world = worldOfModels({
      'script/other': ({ script }) => says(script === undefined ? 'free' : 'bound'),
    });
    const run = world.start({ model: OWN, script: [{ text: 'mine' }], fallbacks: [OTHER] });
    await world.drive(run);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toBe('free');
  });
});
