import { describe, expect, it } from 'vitest';
import { begin, createTestWorld, eventsOf, fails, pausing, resuming, says } from './segment.fixture.ts';

describe('a limit', () => {
  it('of turns puts a budget hold on the run, which a resume raises', async () => {
    const world = createTestWorld({
      model: ({ turn }) => (turn < 3 ? says('', { tool: 'step' }) : says('End')),
      tools: [{ name: 'step' }],
    });
    const run = world.start({ limits: { maxTurns: 2 } });
    await world.drive(run);
    expect(run.state).toMatchObject({ status: 'paused', holds: [{ name: 'budget' }] });
    expect(world.prompts).toHaveLength(2);
    await world.send(run, resuming());
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
  });

  it('of active time stops a run in the middle of a step at its next checkpoint', async () => {
    const world = createTestWorld({
      model: async ({ signal }) => {
        await world.clock.sleep(30_000, signal);
        return says('', { tool: 'step' });
      },
      tools: [{ name: 'step' }],
    });
    const run = world.start({ limits: { maxActiveSeconds: 10 } });
    await world.drive(run);
    expect(run.state).toMatchObject({
      status: 'paused',
      holds: [{ name: 'budget' }],
      turn: { phase: 'tools' },
    });
    const placed = run.events.find((event) => event.type === 'hold.placed');
    const started = run.events.find((event) => event.type === 'run.started');
    expect(Date.parse(placed?.at ?? '') - Date.parse(started?.at ?? '')).toBe(10_000);
  });

  it('of active time ends a run where it says so, and aborts the step', async () => {
    const world = createTestWorld({
      model: async ({ signal }) => {
        await world.clock.sleep(30_000, signal);
        return signal.aborted ? fails({ kind: 'aborted' }) : says('too late');
      },
    });
    const run = world.start({ limits: { maxActiveSeconds: 10 }, onLimit: 'fail' });
    await world.drive(run);
    expect(eventsOf(run, 'run.failed')[0]?.error.code).toBe('timed_out');
    expect(world.types(run)).not.toContain('message.completed');
  });
});

describe('a segment and its store', () => {
  it('waits out a database that cannot be reached', async () => {
    const world = createTestWorld({ model: () => says('Patience') });
    const run = world.start();
    let refusals = 6;
    world.store.fault = ({ commands }) =>
      commands[0]?.type !== 'claim' && refusals-- > 0 ? 'unavailable' : undefined;
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(world.prompts).toHaveLength(1);
  });

  it('does nothing twice when the reply of any commit is lost', async () => {
    for (let lost = 1; lost <= 8; lost += 1) {
      const world = createTestWorld({
        model: async ({ turn, onDelta, signal }) => {
          onDelta({ part: 0, channel: 'text', text: 'words' });
          await world.clock.sleep(50, signal);
          return turn === 1 ? says('words', { tool: 'step' }, { tool: 'gone' }) : says('words');
        },
        tools: [{ name: 'step' }],
      });
      const run = world.start();
      let commits = 0;
      world.store.fault = ({ commands }) => {
        if (commands[0]?.type === 'claim') return undefined;
        commits += 1;
        return commits === lost ? 'lose' : undefined;
      };
      await world.drive(run);
      expect(run.state.status, `commit ${lost}`).toBe('succeeded');
      expect(world.prompts, `commit ${lost}`).toHaveLength(2);
      expect([...world.requests.values()], `commit ${lost}`).toEqual([1]);
      expect(eventsOf(run, 'message.delta'), `commit ${lost}`).toHaveLength(2);
      expect(world.logged.filter(({ level }) => level === 'error')).toEqual([]);
    }
  });

  it('gives back a run whose log has an event that it does not know', async () => {
    const world = createTestWorld({ model: () => says('never') });
    const run = world.start();
    (run.events[0] as { v: number }).v = 99;
    const segment = await begin(world, run);
    await world.clock.run(segment.done);
    expect(run.events.at(-1)).toMatchObject({
      type: 'segment.returned',
      data: { reason: 'unknown_version' },
    });
    expect(run.dispatch.claim).toBeNull();
    expect(Date.parse(run.dispatch.dueAt ?? '')).toBe(world.clock.now() + 5_000);
  });

  it('gives a run back later and later when it fails for a reason of its own', async () => {
    const world = createTestWorld({
      model: () => {
        throw new Error('a bug');
      },
    });
    const run = world.start();
    const delays: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      const segment = await begin(world, run);
      await world.clock.run(segment.done);
      delays.push(Date.parse(run.dispatch.dueAt ?? '') - world.clock.now());
    }
    expect(delays).toEqual([5_000, 10_000, 20_000]);
    expect(world.logged.filter(({ level }) => level === 'error')).toHaveLength(3);
  });

  it('gives back at the next checkpoint when the process shuts down', async () => {
    const world = createTestWorld({
      model: ({ turn }) => {
        segment.drain();
        return turn === 1 ? says('', { tool: 'step' }) : says('End');
      },
      tools: [{ name: 'step' }],
    });
    const run = world.start();
    const segment = await begin(world, run);
    await world.clock.run(segment.done);
    expect(run.events.slice(-2).map(({ type }) => type)).toEqual(['message.completed', 'segment.returned']);
    expect(run.state).toMatchObject({ status: 'running', turn: { phase: 'tools' } });
    expect(run.dispatch).toMatchObject({ claim: null, attempts: 0 });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(world.prompts).toHaveLength(2);
  });

  it('gives back in the middle of a step when the drain limit has passed', async () => {
    const world = createTestWorld({
      model: async ({ signal, attempt }) => {
        if (attempt === 2) return says('End');
        await world.clock.sleep(3_600_000, signal);
        return fails({ kind: 'aborted' });
      },
    });
    const run = world.start();
    const segment = await begin(world, run);
    await world.clock.settle();
    segment.abort();
    await world.clock.settle();
    await segment.done;
    expect(run.events.at(-1)).toMatchObject({ type: 'segment.returned', data: { reason: 'drain' } });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
  });

  it('learns by a hint alone that it was paused elsewhere', async () => {
    const world = createTestWorld({
      model: async ({ signal }) => {
        await world.send(run, pausing('now'));
        await world.clock.sleep(3_600_000, signal);
        return signal.aborted ? fails({ kind: 'aborted' }) : says('too late');
      },
      hints: 'hint',
    });
    const run = world.start();
    const began = world.clock.now();
    await world.drive(run);
    expect(run.state.status).toBe('paused');
    expect(world.clock.now()).toBe(began);
  });
});
