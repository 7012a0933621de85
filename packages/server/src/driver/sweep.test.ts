import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommitPort, CommitRequest } from '../engine/commit.ts';
import { EngineError, Fenced } from '../engine/errors.ts';
import type { DispatchRow, DueWait, PendingOutbox } from '../engine/ports.ts';
import { createLogger } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { Executor } from './executor.ts';
import { Sweep, type SweepOptions } from './sweep.ts';

const BY = { type: 'system', id: 'sweep', name: 'Fermata (sweep)' };
const WAIT: DueWait = {
  waitId: 'w1',
  runId: 'a',
  organizationId: 1,
  kind: 'timer',
  deadlineAt: '2026-01-01T00:00:00.000Z',
};

function row(runId: string, over: Partial<DispatchRow> = {}): DispatchRow {
  const dispatch = {
    epoch: 2,
    claim: null,
    executorId: null,
    attempts: 0,
    dueAt: '2026-01-01T00:00:00.000Z',
  };
  return { runId, number: 1, organizationId: 1, status: 'queued', head: 1, ...dispatch, ...over };
}

let commits: CommitRequest[] = [];
let refusal: Error | null = null;
let asked: { name: string; limit: number; organizationId?: number | undefined }[] = [];
let waits: DueWait[] | Error = [];
let due: DispatchRow[] = [];
let past: DispatchRow[] = [];
let room: DispatchRow[] = [];
let outbox: PendingOutbox[] = [];
let nextDeadline: string | null = null;
let rounds = 0;
let deleted: string[] = [];
let executor: Executor;
let sweep: Sweep;

function start(over: Partial<SweepOptions> = {}, concurrency = 10): void {
  const logger = createLogger({ level: 'silent' });
  const metrics = createMetrics();
  executor = new Executor({
    concurrency,
    presence: {
      current: { executorId: 'self', dead: new AbortController().signal },
      isPresent: () => true,
      recoveredAt: null,
    },
    segments: { run: () => new Promise(() => {}) },
    logger,
    metrics,
  });
  const committer: CommitPort = {
    async commit(request) {
      commits.push(request);
      if (refusal !== null) throw refusal;
      const take = 'take' in request ? request.take : undefined;
      return {
        events: [{}],
        state: { organizationId: 1, head: 2, runId: 'runId' in request ? request.runId : '' },
        dispatch: { claim: take?.claim ?? null, epoch: 2 },
      } as unknown as Awaited<ReturnType<CommitPort['commit']>>;
    },
  };
  const take = <T>(name: string, rows: T[] | Error, limit: number, organizationId?: number): T[] => {
    asked.push({ name, limit, organizationId });
    if (rows instanceof Error) throw rows;
    return rows.splice(0, limit);
  };
  sweep = new Sweep({
    executor,
    committer,
    reads: {
      dueWaits: async (limit) => {
        rounds++;
        return take('waits', waits, limit);
      },
      dueUnclaimed: async (_grace, limit) => take('due', due, limit),
      pastDeadline: async (limit) => take('past', past, limit),
      roomFor: async (_per, limit, organizationId) => take('room', room, limit, organizationId),
      undelivered: async (_grace, limit) => take('outbox', outbox, limit),
      nextDeadline: async () => nextDeadline,
    },
    adoption: { adoptAbandoned: async () => 0 },
    retention: {
      expiredReplies: async () => deleted.push('replies'),
      expiredRecords: () => Promise.reject(new Error('broken')),
      unusedBlobs: async () => deleted.push('blobs'),
      deadExecutors: async () => deleted.push('executors'),
      endedJobItems: async () => deleted.push('jobItems'),
      endedRateLimits: async () => deleted.push('rate_limits'),
      expiredClientSessions: async () => deleted.push('client_sessions'),
      oldClientFeedback: async () => deleted.push('client_feedback'),
      oldDeliveries: async () => deleted.push('deliveries'),
    },
    perOrganization: null,
    deliver: () => undefined,
    logger,
    metrics,
    ...over,
  });
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-01-01T00:00:10Z') });
  commits = [];
  refusal = null;
  asked = [];
  waits = [];
  due = [];
  past = [];
  room = [];
  outbox = [];
  nextDeadline = null;
  rounds = 0;
  deleted = [];
});
afterEach(async () => {
  await sweep[Symbol.asyncDispose]();
  vi.useRealTimers();
});

describe('Sweep', () => {
  it('expires a due wait by the deadline that it saw, and a run past its deadline in the state that it saw', async () => {
    waits = [WAIT];
    past = [row('b', { epoch: 5, claim: 'other:1' })];
    start();
    await pass(0);
    expect(commits).toEqual([
      {
        runId: 'a',
        organizationId: null,
        commands: [{ type: 'expire', by: BY, waitId: 'w1', expectedDeadlineAt: WAIT.deadlineAt }],
      },
      {
        runId: 'b',
        organizationId: null,
        commands: [{ type: 'exhaust', by: BY, limit: 'deadlineAt' }],
        expect: { epoch: 5, claim: 'other:1' },
      },
    ]);
  });

  it('drives a run whose wake-up was lost, as far as there is room', async () => {
    due = [row('a'), row('b'), row('c')];
    start({}, 2);
    await pass(0);
    expect(commits.map((request) => 'runId' in request && request.runId)).toEqual(['a', 'b']);
    expect(executor.room).toBe(0);
    await pass(1000);
    expect(asked.filter(({ name }) => name === 'due')).toEqual([{ name: 'due', limit: 2 }]);
  });

  it('does the other parts when one fails, and is not troubled by runs that have moved on', async () => {
    waits = new EngineError('unavailable', 'gone');
    due = [row('a')];
    refusal = new Fenced();
    start();
    await pass(0);
    expect(commits).toHaveLength(1);
    expect(executor.room).toBe(10);
  });

  it('runs once a second, and sooner when a deadline is nearer', async () => {
    start();
    await pass(3000);
    expect(rounds).toBe(4);
    nextDeadline = new Date(Date.now() + 1200).toISOString();
    await pass(1000);
    expect(rounds).toBe(5);
    nextDeadline = new Date(Date.now() + 300).toISOString();
    sweep.now();
    await pass(299);
    expect(rounds).toBe(6);
    await pass(1);
    expect(rounds).toBe(7);
  });

  it('looks again soon when the database is behind our clock', async () => {
    nextDeadline = new Date(Date.now() + 100).toISOString();
    start();
    await pass(125);
    expect(rounds).toBe(3);
  });

  it('does not spin for what stays overdue', async () => {
    nextDeadline = new Date(Date.now() - 5000).toISOString();
    start();
    await pass(3000);
    expect(rounds).toBe(4);
  });

  it('drives runs that wait for room in an organization, once a second and when a run of it has ended', async () => {
    room = [row('a', { dueAt: 'infinity' })];
    start({ perOrganization: 3 });
    await pass(0);
    expect(commits).toHaveLength(1);
    room = [row('b', { dueAt: 'infinity' })];
    sweep.roomIn(7);
    await pass(0);
    expect(asked.at(-1)).toEqual({ name: 'room', limit: 9, organizationId: 7 });
    expect(commits).toHaveLength(2);
  });

  it('asks nothing about room where organizations have no limit', async () => {
    start();
    sweep.roomIn(7);
    await pass(2000);
    expect(asked.map(({ name }) => name)).not.toContain('room');
  });

  it('has delivered what one run has left for another, and names each receiver once', async () => {
    const delivered: string[] = [];
    outbox = ['a', 'b', 'a'].map((runId, id) => ({ id, runId, senderId: 's', senderSeq: id, command: null }));
    start({ deliver: (runIds) => void delivered.push(...runIds) });
    await pass(0);
    expect(delivered).toEqual(['a', 'b']);
  });

  it('deletes what is old once a minute, each kind on its own', async () => {
    start();
    await pass(59_000);
    expect(deleted).toEqual([]);
    await pass(1000);
    expect(deleted).toEqual([
      'replies',
      'blobs',
      'executors',
      'jobItems',
      'rate_limits',
      'client_sessions',
      'client_feedback',
      'deliveries',
    ]);
  });
});
