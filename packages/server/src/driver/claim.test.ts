import { describe, expect, it } from 'vitest';
import type { CommitPort, CommitRequest, CommitResult } from '../engine/commit.ts';
import { EngineError, Fenced } from '../engine/errors.ts';
import { createLogger } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { createDriveTask, driveRun, type DriveDeps } from './claim.ts';
import { Executor } from './executor.ts';

type Commit = (request: CommitRequest & { take?: { claim: string } }) => Promise<Partial<CommitResult>>;

function setUp(
  commit: Commit,
  concurrency = 1,
): { deps: DriveDeps; driven: string[]; requests: CommitRequest[] } {
  const driven: string[] = [];
  const requests: CommitRequest[] = [];
  const metrics = createMetrics();
  const logger = createLogger({ level: 'silent' });
  const executor = new Executor({
    concurrency,
    presence: {
      current: { executorId: 'self', dead: new AbortController().signal },
      isPresent: () => true,
      recoveredAt: null,
    },
    segments: {
      run: (run) => {
        driven.push(run.runId);
        return new Promise(() => {});
      },
    },
    logger,
    metrics,
  });
  const committer: CommitPort = {
    async commit(request) {
      requests.push(request);
      return (await commit(request)) as CommitResult;
    },
  };
  return { deps: { executor, committer, logger, metrics }, driven, requests };
}

const taking: Commit = async (request) => {
  const claim = request.take?.claim ?? null;
  return {
    state: { runId: 'a', organizationId: 7, head: 2 } as CommitResult['state'],
    dispatch: { epoch: 3, claim, executorId: 'self', dueAt: null, attempts: 1 },
  };
};
const request = { runId: 'a', epoch: 3, attempts: 0, source: 'job' as const };

async function tick(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe('driveRun', () => {
  it('takes the run in the epoch that it was told, and hands it to a segment', async () => {
    const { deps, driven, requests } = setUp(taking);
    expect(await driveRun(deps, request)).toBe('driven');
    await tick();
    expect(driven).toEqual(['a']);
    expect(requests[0]).toMatchObject({ runId: 'a', take: { executorId: 'self', epoch: 3 } });
  });

  it('starts one segment when the committer has told the executor already', async () => {
    const { deps, driven } = setUp(async (asked) => {
      const result = await taking(asked);
      const { state, dispatch } = result as CommitResult;
      deps.executor.claimed({ runId: 'a', organizationId: 7, epoch: 3, claim: dispatch.claim ?? '', state });
      return result;
    });
    await driveRun(deps, request);
    await tick();
    expect(driven).toEqual(['a']);
  });

  it.each([
    ['the run has moved on', new Fenced(), 'dropped'],
    ['the run does not want to be driven', new EngineError('invalid_transition', 'stale'), 'dropped'],
    ['the run is gone', new EngineError('not_found', 'no such run'), 'dropped'],
    ['the database cannot be reached', new EngineError('unavailable', 'gone'), 'failed'],
    ['something else is wrong', new Error('a bug'), 'failed'],
  ])('gives its room back when %s', async (_when, error, result) => {
    const { deps } = setUp(() => Promise.reject(error));
    expect(await driveRun(deps, request)).toBe(result);
    expect(deps.executor.room).toBe(1);
  });

  it('keeps no room when the run came out of the commit unclaimed', async () => {
    const { deps, driven } = setUp(async (asked) => {
      const result = (await taking(asked)) as CommitResult;
      return { ...result, dispatch: { ...result.dispatch, claim: null } };
    });
    expect(await driveRun(deps, request)).toBe('dropped');
    expect(deps.executor.room).toBe(1);
    expect(driven).toEqual([]);
  });

  it('commits nothing without room', async () => {
    const { deps, requests } = setUp(taking);
    await driveRun(deps, request);
    expect(await driveRun(deps, { ...request, runId: 'b' })).toBe('full');
    expect(requests).toHaveLength(1);
  });
});

describe('the drive task', () => {
  it('is done when the run is driven or needs no driver', async () => {
    const { deps } = setUp(taking);
    expect(await createDriveTask(deps)(request)).toEqual({ kind: 'done' });
    const fenced = setUp(() => Promise.reject(new Fenced()));
    expect(await createDriveTask(fenced.deps)(request)).toEqual({ kind: 'done' });
  });

  it('comes again soon without room, and for a suspect while another one is driven', async () => {
    const { deps } = setUp(taking, 2);
    const task = createDriveTask(deps);
    await task({ ...request, attempts: 2 });
    expect(await task({ ...request, runId: 'b', attempts: 3 })).toEqual({ kind: 'again', afterMs: 1000 });
    await task({ ...request, runId: 'c' });
    expect(await task({ ...request, runId: 'd' })).toEqual({ kind: 'again', afterMs: 250 });
  });
});
