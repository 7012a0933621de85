import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommitPort, CommitRequest } from '../engine/commit.ts';
import { EngineError, Fenced } from '../engine/errors.ts';
import type { DispatchRow, PresenceLook, PresencePort } from '../engine/ports.ts';
import { createLogger } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { Adoption } from './adopt.ts';

const OTHER = { executorId: 'other', name: 'other@host' };

function look(over: Partial<PresenceLook> = {}): PresenceLook {
  return { serverUpMs: 60_000, ownLockSeen: true, missing: [], alive: [], ...over };
}

function row(runId: string, over: Partial<DispatchRow> = {}): DispatchRow {
  return {
    runId,
    number: 1,
    organizationId: 1,
    status: 'running',
    head: 3,
    epoch: 4,
    claim: 'other:1',
    executorId: 'other',
    attempts: 1,
    dueAt: null,
    ...over,
  };
}

interface World {
  looks: (PresenceLook | Error)[];
  declared: string[];
  declareDead: boolean;
  abandoned: DispatchRow[];
  commits: CommitRequest[];
  refuse: (request: CommitRequest) => Error | null;
  released: string[][];
  unreleased: { executorId: string; workerIds: string[] }[];
  presence: { present: boolean; recoveredAt: number | null };
}

let world: World;
let adoption: Adoption;

function start(isEmbedded = false): void {
  const committer: CommitPort = {
    async commit(request) {
      const refusal = world.refuse(request);
      if (refusal !== null) throw refusal;
      world.commits.push(request);
      if ('runId' in request)
        world.abandoned = world.abandoned.filter(({ runId }) => runId !== request.runId);
      return {} as Awaited<ReturnType<CommitPort['commit']>>;
    },
  };
  const port: Partial<PresencePort> = {
    async look() {
      const next = world.looks.shift() ?? look();
      if (next instanceof Error) throw next;
      return next;
    },
    async declareDead(executorId) {
      world.declared.push(executorId);
      return world.declareDead;
    },
    unreleased: async () => world.unreleased,
    async released(executorId) {
      world.unreleased = world.unreleased.filter((entry) => entry.executorId !== executorId);
    },
  };
  adoption = new Adoption({
    presence: {
      current: { executorId: 'self', dead: new AbortController().signal },
      isPresent: () => world.presence.present,
      get recoveredAt() {
        return world.presence.recoveredAt;
      },
    },
    port: port as PresencePort,
    committer,
    reads: { abandoned: async (limit) => world.abandoned.slice(0, limit) },
    releaseWorkers: async (workerIds) => void world.released.push([...workerIds]),
    isEmbedded,
    logger: createLogger({ level: 'silent' }),
    metrics: createMetrics(),
  });
}

const looks = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 500);

beforeEach(() => {
  vi.useFakeTimers();
  world = {
    looks: [],
    declared: [],
    declareDead: true,
    abandoned: [],
    commits: [],
    refuse: () => null,
    released: [],
    unreleased: [],
    presence: { present: true, recoveredAt: null },
  };
});
afterEach(async () => {
  await adoption[Symbol.asyncDispose]();
  vi.useRealTimers();
});

describe('Adoption', () => {
  it('declares a process dead that is missing in two looks in a row, and takes its runs and its jobs', async () => {
    world.looks = [look({ missing: [OTHER] }), look({ missing: [OTHER] })];
    world.abandoned = [row('a'), row('b')];
    world.unreleased = [{ executorId: 'other', workerIds: ['pool-1'] }];
    start();
    await looks(1);
    expect(world.declared).toEqual([]);
    await looks(1);
    expect(world.declared).toEqual(['other']);
    expect(world.commits).toEqual(
      ['a', 'b'].map((runId) => ({
        runId,
        organizationId: null,
        commands: [{ type: 'adopt', executorId: 'other', reason: 'dead' }],
        expect: { epoch: 4, claim: 'other:1' },
      })),
    );
    expect(world.released).toEqual([['pool-1']]);
    expect(world.unreleased).toEqual([]);
  });

  it('begins to count anew when the process was seen in between', async () => {
    world.looks = [look({ missing: [OTHER] }), look(), look({ missing: [OTHER] }), look()];
    start();
    await looks(4);
    expect(world.declared).toEqual([]);
  });

  it('begins to count anew when a look has failed in between', async () => {
    world.looks = [
      look({ missing: [OTHER] }),
      new EngineError('unavailable', 'gone'),
      look({ missing: [OTHER] }),
    ];
    start();
    await looks(3);
    expect(world.declared).toEqual([]);
  });

  it.each([
    ['its own lock is not seen', look({ missing: [OTHER], ownLockSeen: false })],
    ['the server has just started', look({ missing: [OTHER], serverUpMs: 4000 })],
  ])('concludes nothing while %s', async (_why, doubtful) => {
    world.looks = [look({ missing: [OTHER] }), doubtful, look({ missing: [OTHER] }), doubtful];
    start();
    await looks(4);
    expect(world.declared).toEqual([]);
  });

  it('gives the others time to come back after it has lost its own lock', async () => {
    world.looks = Array.from({ length: 20 }, () => look({ missing: [OTHER] }));
    world.presence.recoveredAt = performance.now();
    start();
    await looks(9);
    expect(world.declared).toEqual([]);
    await looks(4);
    expect(world.declared[0]).toBe('other');
  });

  it('concludes nothing while its own presence is not confirmed', async () => {
    world.looks = Array.from({ length: 4 }, () => look({ missing: [OTHER] }));
    world.presence.present = false;
    start();
    await looks(4);
    expect(world.declared).toEqual([]);
  });

  it('need not wait for others on an embedded server that has just started', async () => {
    world.looks = Array.from({ length: 2 }, () => look({ missing: [OTHER], serverUpMs: 100 }));
    start(true);
    await looks(2);
    expect(world.declared).toEqual(['other']);
  });

  it('takes nothing from a process whose lock turns out to be held', async () => {
    world.looks = [look({ missing: [OTHER] }), look({ missing: [OTHER] })];
    world.declareDead = false;
    world.abandoned = [row('a')];
    start();
    await looks(2);
    expect(world.commits).toEqual([]);
  });

  it('goes on with the next runs when another process has taken one first', async () => {
    start();
    world.abandoned = [row('a'), row('b')];
    world.refuse = (request) => ('runId' in request && request.runId === 'a' ? new Fenced() : null);
    expect(await adoption.adoptAbandoned()).toBe(1);
  });

  it('takes any number of runs in slices, and stops when none of a slice can be taken', async () => {
    start();
    world.abandoned = Array.from({ length: 250 }, (_, index) => row(`run-${index}`));
    expect(await adoption.adoptAbandoned()).toBe(250);
    world.abandoned = Array.from({ length: 250 }, (_, index) => row(`run-${index}`));
    world.refuse = () => new EngineError('unavailable', 'gone');
    expect(await adoption.adoptAbandoned()).toBe(0);
  });
});
