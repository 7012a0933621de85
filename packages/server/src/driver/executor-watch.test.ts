import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommitPort, CommitRequest } from '../engine/commit.ts';
import { EngineError, Fenced } from '../engine/errors.ts';
import type { DispatchRow } from '../engine/ports.ts';
import type { RunState } from '../engine/state.ts';
import { createLogger } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { ExecutorWatch } from './executor-watch.ts';
import { Executor } from './executor.ts';

const EXECUTOR = 'self';

let rows: DispatchRow[] = [];
let failing = false;
let pages = 0;
let commits: CommitRequest[] = [];
let signals: AbortSignal[] = [];
let told: unknown[] = [];
let executor: Executor;
let watch: ExecutorWatch;

function row(runId: string, claim: string, head = 1): DispatchRow {
  const dispatch = { epoch: 1, claim, executorId: EXECUTOR, attempts: 1, dueAt: null };
  return { runId, number: 1, organizationId: 1, status: 'running', head, ...dispatch };
}

async function drive(runId: string): Promise<string> {
  const taken = executor.offer(1);
  if (taken === null) throw new Error('no room');
  const state = { runId, organizationId: 1, head: 1 } as RunState;
  executor.claimed({ runId, organizationId: 1, epoch: 1, claim: taken.claim, state });
  await vi.advanceTimersByTimeAsync(0);
  return taken.claim;
}

const seconds = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 1000);

beforeEach(() => {
  vi.useFakeTimers();
  rows = [];
  commits = [];
  signals = [];
  told = [];
  pages = 0;
  failing = false;
  const logger = createLogger({ level: 'silent' });
  const metrics = createMetrics();
  executor = new Executor({
    concurrency: 1000,
    presence: {
      current: { executorId: EXECUTOR, dead: new AbortController().signal },
      isPresent: () => true,
      recoveredAt: null,
    },
    segments: {
      run: (_run, signal, control) => {
        signals.push(signal);
        control.onCommit((events) => told.push(events));
        return new Promise(() => {});
      },
    },
    logger,
    metrics,
  });
  const committer: CommitPort = {
    async commit(request) {
      commits.push(request);
      rows = rows.filter((found) => 'create' in request || found.runId !== request.runId);
      return {} as Awaited<ReturnType<CommitPort['commit']>>;
    },
  };
  watch = new ExecutorWatch({
    executor,
    committer,
    reads: {
      async claimedBy(_executorId, limit, after) {
        pages++;
        if (failing) throw new EngineError('unavailable', 'gone');
        return rows.filter(({ runId }) => after === undefined || runId > after).slice(0, limit);
      },
    },
    logger,
    metrics,
  });
});
afterEach(async () => {
  await watch[Symbol.asyncDispose]();
  vi.useRealTimers();
});

describe('ExecutorWatch', () => {
  it('tells a segment when its run has gone on without it, and only then', async () => {
    const claim = await drive('a');
    rows = [row('a', claim, 1)];
    await seconds(1);
    expect(told).toEqual([]);
    rows = [row('a', claim, 2)];
    await seconds(1);
    expect(told).toEqual([null]);
    expect(signals[0]?.aborted).toBe(false);
  });

  it('fences a segment whose claim is gone', async () => {
    await drive('a');
    await seconds(1);
    expect(signals[0]?.reason).toBeInstanceOf(Fenced);
  });

  it('concludes nothing from a query that failed', async () => {
    await drive('a');
    failing = true;
    await seconds(3);
    expect(signals[0]?.aborted).toBe(false);
    failing = false;
    await seconds(1);
    expect(signals[0]?.aborted).toBe(true);
  });

  it('releases a claim that has had no segment for two seconds', async () => {
    rows = [row('lost', `${EXECUTOR}:1`)];
    await seconds(2);
    expect(commits).toEqual([]);
    await seconds(1);
    expect(commits).toEqual([
      {
        runId: 'lost',
        organizationId: null,
        commands: [{ type: 'adopt', executorId: EXECUTOR, reason: 'orphaned' }],
        expect: { epoch: 1, claim: `${EXECUTOR}:1` },
      },
    ]);
  });

  it('leaves a claim alone that is being committed, or that was without a segment only for a moment', async () => {
    const taken = executor.offer(1);
    rows = [row('a', taken?.claim ?? '')];
    await seconds(5);
    rows = [row('b', `${EXECUTOR}:2`)];
    await seconds(1);
    rows = [];
    await seconds(1);
    rows = [row('b', `${EXECUTOR}:2`)];
    await seconds(2);
    expect(commits).toEqual([]);
  });

  it('reads all pages, looks at once when asked, and again when asked meanwhile', async () => {
    rows = Array.from({ length: 1200 }, (_, index) =>
      row(String(index).padStart(5, '0'), `${EXECUTOR}:${index}`),
    );
    watch.now();
    watch.now();
    await vi.advanceTimersByTimeAsync(0);
    expect(pages).toBe(6);
  });
});
