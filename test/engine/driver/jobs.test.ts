import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  DriveJob,
  JobOutcome,
  JobTask,
  JobWorker,
  WorkerOptions,
} from '../../../packages/server/src/jobs/port.ts';
import { GraphileJobQueue } from '../../../packages/server/src/jobs/queue.ts';
import { createLogger } from '../../../packages/server/src/observe/log.ts';
import { createMetrics } from '../../../packages/server/src/observe/metrics.ts';
import { pgOptions } from '../../../packages/server/src/store/database-target.ts';
import { testDatabase, type TestDatabase } from '../../world/database.ts';

let database: TestDatabase;
let queues: GraphileJobQueue[] = [];

beforeEach(async () => {
  database = await testDatabase();
  queues = [];
});
afterEach(async () => {
  for (const queue of queues) await queue[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

function openQueue(log: string[] = []): GraphileJobQueue {
  const destination = { write: (line: string): void => void log.push(line) };
  const queue = new GraphileJobQueue({
    connection: pgOptions(database.target),
    logger: createLogger({ level: 'debug', destination }),
    metrics: createMetrics(),
  });
  queues.push(queue);
  return queue;
}

interface Work {
  worker: JobWorker;
  driven: DriveJob[];
  workerIds: string[];
  room: { free: boolean };
}

function work(
  queue: GraphileJobQueue,
  over: Partial<WorkerOptions> & { drive?: never; outcome?: (job: DriveJob) => Promise<JobOutcome> } = {},
): Work {
  const { outcome, ...options } = over;
  const driven: DriveJob[] = [];
  const workerIds: string[] = [];
  const room = { free: true };
  const worker = queue.startWorker({
    tasks: {},
    onWorkerIds: async (ids) => void workerIds.splice(0, Infinity, ...ids),
    pollIntervalMs: 100,
    ...options,
    drive: {
      hasRoom: () => room.free,
      async run(job) {
        driven.push(job);
        return (await outcome?.(job)) ?? { kind: 'done' };
      },
    },
  });
  return { worker, driven, workerIds, room };
}

function job(runId: string = randomUUID(), over: Partial<DriveJob> = {}): DriveJob {
  return { runId, epoch: 1, attempts: 0, runAt: null, ...over };
}

async function add(queue: GraphileJobQueue, jobs: readonly DriveJob[]): Promise<void> {
  const statement = queue.driveStatement(jobs);
  if (statement !== null) await database.sql.unsafe(statement.text, statement.values);
}

async function rows(): Promise<{ key: string | null; attempts: number; locked_by: string | null }[]> {
  return database.sql`select key, attempts, locked_by from graphile_worker._private_jobs order by id`;
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const soon = { timeout: 8000, interval: 10 };

describe('the job queue', () => {
  it('runs a job that was added in a committed transaction, and none of one that was rolled back', async () => {
    const queue = openQueue();
    const { driven } = work(queue);
    const kept = job();
    await database.sql`begin`;
    await add(queue, [job()]);
    await database.sql`rollback`;
    await database.sql`begin`;
    await add(queue, [kept]);
    await database.sql`commit`;
    await vi.waitFor(() => expect(driven).toEqual([kept]), soon);
    await vi.waitFor(async () => expect(await rows()).toEqual([]), soon);
  });

  it('keeps one job for one run and epoch, however often it is added, with the last run-at', async () => {
    const queue = openQueue();
    const runId = randomUUID();
    await add(queue, [job(runId), job(runId), job(runId, { epoch: 2 })]);
    await add(queue, [job(runId, { runAt: '2100-01-01T00:00:00.000Z' })]);
    const { driven } = work(queue);
    await vi.waitFor(() => expect(driven.map(({ epoch }) => epoch)).toEqual([2]), soon);
    await vi.waitFor(
      async () => expect((await rows()).map(({ key }) => key)).toEqual([`drive:${runId}:1`]),
      soon,
    );
  });

  it('adds a job at once while the same one is running, and runs it again', async () => {
    const queue = openQueue();
    const running = gate();
    const { driven } = work(queue, {
      outcome: async () => {
        await running.opened;
        return { kind: 'done' };
      },
    });
    const twice = job();
    await add(queue, [twice]);
    await vi.waitFor(() => expect(driven).toHaveLength(1), soon);
    await database.sql`set lock_timeout = '500ms'`;
    await add(queue, [twice]);
    running.open();
    await vi.waitFor(() => expect(driven).toHaveLength(2), soon);
    await vi.waitFor(async () => expect(await rows()).toEqual([]), soon);
  });

  it('takes no drive job without room, leaves it to others, and takes it at once when there is room', async () => {
    const queue = openQueue();
    const full = work(queue, { pollIntervalMs: 60_000 });
    full.room.free = false;
    const note = vi.fn<JobTask>(async () => {});
    const other = work(openQueue(), { tasks: { note } });
    other.room.free = false;
    await vi.waitFor(() => expect(full.workerIds).toHaveLength(1), soon);
    const waiting = job();
    await add(queue, [waiting]);
    await queue.add([{ task: 'note', payload: {}, key: null, runAt: null }]);
    await vi.waitFor(() => expect(note).toHaveBeenCalled(), soon);
    expect((await rows())[0]).toMatchObject({ attempts: 0, locked_by: null });
    other.room.free = true;
    await vi.waitFor(() => expect(other.driven).toEqual([waiting]), soon);
    await other.worker.stop(1000);
    const next = job();
    await add(queue, [next]);
    full.room.free = true;
    full.worker.nudge();
    await vi.waitFor(() => expect(full.driven).toEqual([next]), soon);
  });

  it('runs a job that is to come again later under the same key, without counting it as failed', async () => {
    const queue = openQueue();
    let answers = 0;
    const { driven } = work(queue, {
      outcome: async () => (answers++ < 2 ? { kind: 'again', afterMs: 20 } : { kind: 'done' }),
    });
    const again = job();
    await add(queue, [again]);
    await vi.waitFor(() => expect(driven).toHaveLength(3), soon);
    expect(new Set(driven.map(({ runId }) => runId))).toEqual(new Set([again.runId]));
    await vi.waitFor(async () => expect(await rows()).toEqual([]), soon);
  });

  it('goes on driving while background jobs are slow', async () => {
    const queue = openQueue();
    const slow = gate();
    let running = 0;
    const task: JobTask = async () => {
      running++;
      await slow.opened;
    };
    const { driven } = work(queue, { tasks: { slow: task }, concurrentJobs: 3, backgroundJobs: 2 });
    await queue.add(Array.from({ length: 6 }, () => ({ task: 'slow', payload: {}, key: null, runAt: null })));
    await vi.waitFor(() => expect(running).toBe(2), soon);
    await add(queue, [job(), job()]);
    await vi.waitFor(() => expect(driven).toHaveLength(2), soon);
    expect(running).toBe(2);
    slow.open();
    await vi.waitFor(() => expect(running).toBe(6), soon);
  });

  it('runs a background job again after it has failed, telling the attempt', async () => {
    const queue = openQueue();
    const attempts: number[] = [];
    work(queue, {
      tasks: {
        shaky: async (_payload, { attempt }) => {
          attempts.push(attempt);
          if (attempt === 1) throw new Error('not yet');
        },
      },
    });
    await queue.add([{ task: 'shaky', payload: { a: 1 }, key: 'k', runAt: null }]);
    await vi.waitFor(() => expect(attempts).toEqual([1]), soon);
    // Back-off, brought forward.
    await vi.waitFor(async () => expect((await rows())[0]?.locked_by).toBeNull(), soon);
    await database.sql`update graphile_worker._private_jobs set run_at = now()`;
    await vi.waitFor(() => expect(attempts).toEqual([1, 2]), soon);
  });

  it('tells its worker ids before it takes the first job, and locks every job under them', async () => {
    const queue = openQueue();
    const told = gate();
    const holding = gate();
    const ids: string[] = [];
    const { driven } = work(queue, {
      onWorkerIds: async (workerIds) => {
        await told.opened;
        ids.push(...workerIds);
      },
      outcome: async () => {
        await holding.opened;
        return { kind: 'done' };
      },
    });
    const first = job();
    await add(queue, [first]);
    const other = work(openQueue());
    await vi.waitFor(() => expect(other.driven).toEqual([first]), soon);
    await other.worker.stop(1000);
    told.open();
    await add(queue, [job()]);
    await vi.waitFor(() => expect(driven).toHaveLength(1), soon);
    expect((await rows()).map((row) => row.locked_by)).toEqual(ids);
    holding.open();
  });

  it('gives the jobs of a dead worker to the living', async () => {
    const dying = openQueue();
    const never = gate();
    const dead = work(dying, {
      concurrentJobs: 1,
      outcome: async () => {
        await never.opened;
        return { kind: 'done' };
      },
    });
    const orphan = job();
    await add(dying, [orphan]);
    await vi.waitFor(() => expect(dead.driven).toHaveLength(1), soon);
    const living = openQueue();
    const survivor = work(living);
    await living.releaseWorkers(dead.workerIds);
    await vi.waitFor(() => expect(survivor.driven).toEqual([orphan]), soon);
    never.open();
  });

  it('survives the loss of all its sessions, and does again what it could not finish', async () => {
    const log: string[] = [];
    const queue = openQueue(log);
    let first = true;
    const { driven, workerIds } = work(queue, {
      outcome: async () => {
        if (first) {
          first = false;
          // The outcome cannot be written while the table is away.
          await database.sql`alter table graphile_worker._private_jobs rename to hidden`;
          await database.sql`select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'fermata jobs' and datname = current_database()`;
        }
        return { kind: 'done' };
      },
    });
    const cutOff = job();
    await add(queue, [cutOff]);
    await vi.waitFor(() => expect(log.join('')).toContain('Failed to complete jobs'), soon);
    const [firstId] = workerIds;
    await database.sql`alter table graphile_worker.hidden rename to _private_jobs`;
    const after = job();
    await add(queue, [after]);
    await vi.waitFor(() => expect(driven).toHaveLength(3), soon);
    expect(driven.filter(({ runId }) => runId === cutOff.runId)).toHaveLength(2);
    expect(workerIds).not.toContain(firstId);
    await vi.waitFor(async () => expect(await rows()).toEqual([]), soon);
  });

  it('takes no job after stop, waits for those that run, and aborts them past the limit', async () => {
    const queue = openQueue();
    const aborted = vi.fn();
    const started = gate();
    const { worker, driven } = work(queue, {
      tasks: {
        endless: (_payload, { signal }) =>
          new Promise((resolve) => {
            started.open();
            signal.addEventListener('abort', () => {
              aborted();
              resolve();
            });
          }),
      },
    });
    await queue.add([{ task: 'endless', payload: {}, key: null, runAt: null }]);
    await started.opened;
    await worker.stop(300);
    expect(aborted).toHaveBeenCalled();
    await add(queue, [job()]);
    expect(driven).toEqual([]);
  });

  it('sets the sequence of task names back long before it is used up', async () => {
    const queue = openQueue();
    await add(queue, [job()]);
    const sequence = `pg_get_serial_sequence('graphile_worker._private_tasks', 'id')`;
    await queue.maintain();
    await database.sql.unsafe(`select setval(${sequence}, 2000000000)`);
    await queue.maintain();
    await add(queue, [job()]);
    const [row] = await database.sql.unsafe<{ last: number }[]>(
      `select pg_sequence_last_value(${sequence}::regclass)::int as last`,
    );
    expect(row?.last).toBeLessThan(1000);
    expect(await rows()).toHaveLength(2);
  });
});
