import { describe, expect, it } from 'vitest';
import type { CommitPort, CommitRequest } from '../engine/commit.ts';
import { Fenced } from '../engine/errors.ts';
import type { DispatchRow } from '../engine/ports.ts';
import { createLogger } from '../observe/log.ts';
import { drain, type DrainOptions } from './drain.ts';

function setUp(over: Partial<DrainOptions> & { fails?: string; rest?: Partial<DispatchRow>[] } = {}): {
  options: DrainOptions;
  order: string[];
  commits: CommitRequest[];
} {
  const { fails, rest = [], ...options } = over;
  const order: string[] = [];
  const commits: CommitRequest[] = [];
  const step = (name: string) => async (): Promise<void> => {
    order.push(name);
    if (name === fails) throw new Error(`${name} failed`);
  };
  const committer: CommitPort = {
    async commit(request) {
      order.push('give back');
      commits.push(request);
      throw new Fenced();
    },
  };
  return {
    order,
    commits,
    options: {
      notReady: () => void order.push('not ready'),
      executor: {
        executorId: 'self',
        stopClaiming: () => void order.push('stop claiming'),
        settled: async (limitMs) => void order.push(`settled ${limitMs}`),
        abortSegments: () => void order.push('abort'),
      },
      jobWorker: { stop: step('stop jobs') },
      committer,
      reads: { claimedBy: async () => rest as DispatchRow[] },
      loops: [{ [Symbol.asyncDispose]: step('loop') }],
      presence: { leave: step('leave') },
      endStreams: step('streams'),
      logger: createLogger({ level: 'silent' }),
      limitMs: 20_000,
      ...options,
    },
  };
}

const ORDER = [
  'not ready',
  'stop claiming',
  'stop jobs',
  'settled 20000',
  'abort',
  'settled 2000',
  'loop',
  'leave',
  'streams',
];

describe('drain', () => {
  it('stops claiming before it waits, leaves after the last run is given back, and ends the streams last', async () => {
    const { options, order } = setUp();
    await drain(options);
    expect(order).toEqual(ORDER);
  });

  it('gives back what its segments have left claimed, under the claim that it found', async () => {
    const { options, order, commits } = setUp({
      rest: [
        { runId: 'a', epoch: 3, claim: 'self:1' },
        { runId: 'b', epoch: 4, claim: null },
      ],
    });
    await drain(options);
    expect(commits).toEqual([
      {
        runId: 'a',
        organizationId: null,
        commands: [{ type: 'giveBack', reason: 'drain', afterMs: 0 }],
        segment: { epoch: 3, claim: 'self:1' },
      },
    ]);
    expect(order.indexOf('give back')).toBeLessThan(order.indexOf('leave'));
  });

  it.each(['stop jobs', 'loop', 'leave', 'streams'])('does the rest when "%s" fails', async (fails) => {
    const { options, order } = setUp({ fails });
    await drain(options);
    expect(order).toEqual(ORDER);
  });

  it('does the rest when the claimed runs cannot be read', async () => {
    const { options, order } = setUp({ reads: { claimedBy: () => Promise.reject(new Error('gone')) } });
    await drain(options);
    expect(order).toEqual(ORDER);
  });
});
