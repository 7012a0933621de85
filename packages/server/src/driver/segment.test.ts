import { describe, expect, it } from 'vitest';
import { fold } from '../engine/apply.ts';
import { answering, createTestWorld, says } from './segment.fixture.ts';

describe('a segment', () => {
  it('drives a run from queued to succeeded with the last text as its output', async () => {
    const world = createTestWorld({ model: () => says('Good day') });
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(run.events.at(-1)).toMatchObject({ type: 'run.succeeded', data: { output: 'Good day' } });
    expect(world.types(run)).toEqual([
      'run.created',
      'run.started',
      'turn.started',
      'message.completed',
      'turn.completed',
      'run.succeeded',
    ]);
  });

  it('goes from queued to succeeded through an approval', async () => {
    const world = createTestWorld({
      model: ({ turn }) => (turn === 1 ? says('', { tool: 'pay', args: { amount: 5 } }) : says('Paid')),
      tools: [{ name: 'pay', approval: 'always' }],
    });
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('waiting');
    expect(run.dispatch).toMatchObject({ claim: null, dueAt: null });
    expect(world.requests.size).toBe(0);
    await world.send(run, answering(run, { decision: 'approve' }));
    expect(run.state.status).toBe('running');
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect([...world.requests.values()]).toEqual([1]);
    expect(run.state).toEqual(fold(run.events));
    expect(world.logged).toEqual([]);
  });
});
