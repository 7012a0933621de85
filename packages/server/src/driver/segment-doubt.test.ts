import { describe, expect, it } from 'vitest';
import type { ToolOutcome } from '../agent/tools/tool-outcome.ts';
import { fold } from '../engine/apply.ts';
import {
  answering,
  begin,
  cancelling,
  doubt,
  eventsOf,
  pausing,
  resuming,
  results,
  worldOf,
} from './segment.fixture.ts';

describe('a call in doubt', () => {
  it('is put before a person with what happened, and what they say counts', async () => {
    for (const [answer, result] of [
      [{ outcome: 'done', output: { id: 7 } }, { id: 7 }],
      [{ outcome: 'skip' }, 'skipped: it may have been executed'],
      [{ outcome: 'retry' }, 'sent'],
    ] as const) {
      const world = worldOf(
        [{ tool: 'send', args: { to: 'a' } }],
        [
          {
            name: 'send',
            handler: (_, requests) => (requests === 1 ? doubt() : { kind: 'completed', output: 'sent' }),
          },
        ],
      );
      const run = world.start();
      await world.drive(run);
      expect(run.state).toMatchObject({ status: 'waiting', waits: [{ kind: 'in_doubt', tool: 'send' }] });
      expect(eventsOf(run, 'wait.opened')[0]).toMatchObject({
        args: { to: 'a' },
        prompt: expect.stringContaining('the connection was cut'),
      });
      await world.send(run, answering(run, answer));
      await world.drive(run);
      expect(results(world)).toEqual([result]);
      expect(world.requests.size).toBe(1);
      expect(world.effects.size).toBe(1);
    }
  });

  it('of a tool that may be asked twice is requested again under the same key', async () => {
    const world = worldOf(
      [{ tool: 'send' }],
      [
        {
          name: 'send',
          afterCrash: 'retry',
          handler: (_, requests) => (requests < 3 ? doubt() : { kind: 'completed', output: 'sent' }),
        },
      ],
    );
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect([...world.requests.values()]).toEqual([3]);
  });

  it('is put before a person when asking again does not help either', async () => {
    const world = worldOf(
      [{ tool: 'send' }],
      [{ name: 'send', afterCrash: 'retry', handler: () => doubt() }],
    );
    const run = world.start();
    await world.drive(run);
    expect(run.state.waits).toMatchObject([{ kind: 'in_doubt' }]);
    expect([...world.requests.values()]).toEqual([4]);
  });

  it('is asked about after an approval, although its tool is idempotent, unless the agent says so', async () => {
    for (const [afterCrash, expected] of [
      [undefined, 1],
      ['retry', 4],
    ] as const) {
      const world = worldOf(
        [{ tool: 'send' }],
        [{ name: 'send', approval: 'always', handler: () => doubt(), ...(afterCrash ? { afterCrash } : {}) }],
      );
      const run = world.start();
      await world.drive(run);
      await world.send(run, answering(run, { decision: 'approve' }));
      await world.drive(run);
      expect([...world.requests.values()]).toEqual([expected]);
      expect(run.state.waits).toMatchObject([{ kind: 'in_doubt' }]);
    }
  });

  it('is no doubt when nothing left: it is tried again, and then fails', async () => {
    const world = worldOf(
      [{ tool: 'send' }],
      [{ name: 'send', handler: () => ({ kind: 'not_sent', message: 'connection refused' }) }],
    );
    const run = world.start();
    await world.drive(run);
    expect(results(world)).toEqual(['send could not be reached: connection refused']);
    expect([...world.requests.values()]).toEqual([4]);
    expect(run.state.status).toBe('succeeded');
  });

  it('comes of a transport that does not keep to the time-out', async () => {
    const world = worldOf(
      [{ tool: 'send' }],
      [
        {
          name: 'send',
          timeoutMs: 1_000,
          handler: async ({ signal }) => {
            await world.clock.sleep(3_600_000, signal);
            return doubt('timed out');
          },
        },
      ],
    );
    const run = world.start();
    await world.drive(run);
    expect(run.state.waits).toMatchObject([{ kind: 'in_doubt' }]);
  });

  it('comes of a pause that aborts it, and is settled after the resume', async () => {
    const world = worldOf(
      [{ tool: 'send' }],
      [
        {
          name: 'send',
          handler: async ({ signal }, requests) => {
            if (requests > 1) return { kind: 'completed', output: 'sent' };
            await world.send(run, pausing('now'));
            return signal.aborted ? doubt('aborted') : { kind: 'completed', output: 'not aborted' };
          },
        },
      ],
    );
    const run = world.start();
    await world.drive(run);
    expect(run.state).toMatchObject({ status: 'paused', calls: [{ state: 'in_doubt' }] });
    await world.send(run, resuming());
    await world.drive(run);
    expect(run.state).toMatchObject({ status: 'waiting', waits: [{ kind: 'in_doubt' }] });
    await world.send(run, answering(run, { outcome: 'retry' }));
    await world.drive(run);
    expect(results(world)).toEqual(['sent']);
    expect([...world.requests.values()]).toEqual([2]);
  });

  it('is resolved by an outcome that comes late', async () => {
    let finish = (_: ToolOutcome): void => undefined;
    const world = worldOf(
      [{ tool: 'send' }],
      [{ name: 'send', handler: () => new Promise<ToolOutcome>((resolve) => (finish = resolve)) }],
      { hints: 'none' },
    );
    const run = world.start();
    const frozen = await begin(world, run);
    await world.clock.settle();
    await world.adopt(run);
    await world.drive(run);
    expect(run.state.waits).toMatchObject([{ kind: 'in_doubt' }]);
    finish({ kind: 'completed', output: 'sent after all' });
    await world.clock.run(frozen.done);
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(results(world)).toEqual(['sent after all']);
    expect([...world.requests.values()]).toEqual([1]);
  });

  it('of a cancelled run is logged late when its outcome becomes known, and changes nothing', async () => {
    const world = worldOf(
      [{ tool: 'send' }],
      [
        {
          name: 'send',
          handler: async () => {
            await world.send(run, cancelling());
            return { kind: 'completed', output: 'sent' };
          },
        },
      ],
    );
    const run = world.start();
    await world.drive(run);
    expect(run.state.status).toBe('cancelled');
    expect(run.events.at(-1)).toMatchObject({ type: 'tool.completed', data: { late: true, output: 'sent' } });
    expect(run.state).toEqual(fold(run.events));
  });
});

describe('presence', () => {
  it('is confirmed before a request leaves that must not be made twice', async () => {
    let isPresent = false;
    const world = worldOf(
      [{ tool: 'send' }, { tool: 'again' }],
      [{ name: 'send' }, { name: 'again', afterCrash: 'retry' }],
      { deps: { isPresent: () => isPresent } },
    );
    const run = world.start();
    const segment = await begin(world, run);
    await world.clock.settle();
    expect(eventsOf(run, 'tool.started').map(({ tool }) => tool)).toEqual(['again']);
    isPresent = true;
    await world.clock.run(segment.done);
    expect(run.state.status).toBe('succeeded');
  });
});
