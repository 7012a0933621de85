import { describe, expect, it } from 'vitest';
import { eventsOf, fails, says } from '../segment.fixture.ts';
import { agentOf, createFlowWorld, ends, step } from './flow-world.fixture.ts';

describe('when a step fails', () => {
  const request = { url: 'https://a.test/', method: 'GET' as const };

  it('it is tried again, then with another model, and what was tried is told', async () => {
    const world = createFlowWorld({
      model: ({ model }) =>
        model === 'script/other'
          ? says('from the other')
          : fails({ kind: 'terminal', code: 'provider_failed', message: 'refused' }),
    });
    const run = world.startFlow([
      step('agent', 'a', {
        agent: agentOf(),
        onError: {
          then: 'fail',
          fallbacks: [
            { type: 'retry', delayMs: 1_000 },
            { type: 'model', model: 'script/other' },
          ],
        },
      }),
    ]);
    await world.driveFlow(run);
    expect(ends(run)).toEqual([
      ['a', 'provider_failed'],
      ['a', 'provider_failed'],
      ['a', 'from the other'],
    ]);
    expect(eventsOf(run, 'step.failed').map(({ retryAfterMs }) => retryAfterMs)).toEqual([1_000, 0]);
    expect(eventsOf(run, 'step.completed')[0]?.fallback).toEqual({
      type: 'model',
      model: 'script/other',
      attempts: 2,
    });
    const [first, second] = eventsOf(run, 'step.started');
    expect([first?.attempt, second?.attempt]).toEqual([1, 2]);
  });

  it('a given output takes its place', async () => {
    const world = createFlowWorld({ target: () => new Response('', { status: 500 }) });
    const run = world.startFlow([
      step('http', 'a', {
        request,
        output: 'x',
        onError: { then: 'fail', fallbacks: [{ type: 'output', output: { none: true } }] },
      }),
      step('set', 'b', { variable: 'y', value: '{{ x.none }}' }),
    ]);
    await world.driveFlow(run);
    expect(ends(run)).toEqual([
      ['a', 'http_500'],
      ['a', { none: true }],
      ['b', true],
    ]);
  });

  it('the flow goes on where it may', async () => {
    const world = createFlowWorld({ target: () => new Response('', { status: 500 }) });
    const run = world.startFlow([
      step('http', 'a', { request, output: 'x', onError: { then: 'continue' } }),
      step('set', 'b', { variable: 'y', value: 'x is {{ x }}' }),
    ]);
    await world.driveFlow(run);
    expect(ends(run)).toEqual([
      ['a', 'http_500'],
      ['b', 'x is '],
    ]);
    expect(run.state.status).toBe('succeeded');
  });

  it('an empty output may count as a failure', async () => {
    let answers = 0;
    const world = createFlowWorld({ model: () => says((answers += 1) === 1 ? ' ' : 'full') });
    const run = world.startFlow([
      step('agent', 'a', {
        agent: agentOf(),
        onError: { then: 'fail', on: ['empty_output'], fallbacks: [{ type: 'retry' }] },
      }),
    ]);
    await world.driveFlow(run);
    expect(ends(run)).toEqual([
      ['a', 'empty_output'],
      ['a', 'full'],
    ]);
  });

  it('a step whose guard cannot be told is neither carried out nor replaced', async () => {
    const world = createFlowWorld();
    const run = world.startFlow([
      step('http', 'a', {
        request,
        when: 'nobody.knows',
        onError: { then: 'continue', fallbacks: [{ type: 'retry' }, { type: 'output', output: 1 }] },
      }),
    ]);
    await world.driveFlow(run);
    expect(world.seen).toEqual([]);
    expect(ends(run)).toEqual([['a', 'script_failed']]);
    expect(run.state.status).toBe('succeeded');
  });

  it('is done again by a retry of the run, from the beginning of what may be tried', async () => {
    let isUp = false;
    const world = createFlowWorld({
      target: () => (isUp ? Response.json({ up: true }) : new Response('', { status: 500 })),
    });
    const run = world.startFlow([
      step('set', 'first', { variable: 'v', value: 1 }),
      step('http', 'a', { request, onError: { then: 'fail', fallbacks: [{ type: 'retry' }] } }),
    ]);
    await world.driveFlow(run);
    expect(run.state.status).toBe('failed');
    isUp = true;
    await world.send(run, { type: 'retry', by: { type: 'principal', id: 'a', name: 'A' }, reason: null });
    await world.driveFlow(run);
    expect(ends(run)).toEqual([
      ['first', 1],
      ['a', 'http_500'],
      ['a', 'http_500'],
      ['a', { up: true }],
    ]);
    expect(eventsOf(run, 'step.completed')[1]?.fallback).toBeUndefined();
  });
});
