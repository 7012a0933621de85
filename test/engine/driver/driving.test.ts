import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SegmentRunner } from '../../../packages/server/src/driver/executor-segment.ts';
import type { ClaimedRun } from '../../../packages/server/src/driver/segment-ports.ts';
import { Fenced } from '../../../packages/server/src/engine/errors.ts';
import type { PresencePort } from '../../../packages/server/src/engine/ports.ts';
import type { Committer } from '../../../packages/server/src/store/committer.ts';
import { testDatabase, type TestDatabase } from '../../world/database.ts';
import { createRun, startProcess, type DrivingProcess, type ProcessOptions } from './driving-process.ts';

let database: TestDatabase;
let processes: DrivingProcess[] = [];
let thaw: () => void;
let thawed: Promise<void>;

beforeEach(async () => {
  database = await testDatabase();
  processes = [];
  thawed = new Promise<void>((resolve) => {
    thaw = resolve;
  });
});
afterEach(async () => {
  thaw();
  await Promise.all(processes.map((process) => process[Symbol.asyncDispose]()));
  await database[Symbol.asyncDispose]();
});

async function start(options: Omit<ProcessOptions, 'target'>): Promise<DrivingProcess> {
  const process = await startProcess({ target: database.target, ...options });
  processes.push(process);
  return process;
}

interface Row {
  status: string;
  epoch: number;
  claim: string | null;
  executor_id: string | null;
  attempts: number;
}

async function runRow(runId: string): Promise<Row | undefined> {
  const [row] = await database.sql<Row[]>`
    select status, epoch, claim, executor_id, attempts from run_state where run_id = ${runId}`;
  return row;
}

async function eventTypes(runId: string): Promise<string[]> {
  const rows = await database.sql<
    { type: string }[]
  >`select type from events where run_id = ${runId} order by seq`;
  return rows.map(({ type }) => type);
}

/** Ends each run at once by failing it, and notes who was driven. */
function ending(driven: string[]): (committer: Committer) => SegmentRunner {
  return (committer) => ({
    async run({ runId, epoch, claim }) {
      driven.push(runId);
      await committer.commit({
        runId,
        organizationId: null,
        commands: [{ type: 'fail', error: { code: 'tool_failed', message: 'the end' } }],
        segment: { epoch, claim },
      });
    },
  });
}

interface Held {
  run: ClaimedRun;
  signal: AbortSignal;
  drain: AbortSignal;
  end: () => void;
}

/** Drives each run until the test, or the signal, ends the segment. */
function holding(held: Held[], options: { deaf: boolean } = { deaf: false }): () => SegmentRunner {
  return () => ({
    run: (run, signal, control) =>
      new Promise<void>((end) => {
        held.push({ run, signal, drain: control.drain, end });
        if (!options.deaf) signal.addEventListener('abort', () => end());
      }),
  });
}

/** The process does not react to the loss of its session before the test thaws it. */
function frozenPort(port: PresencePort): PresencePort {
  return {
    ...port,
    async reclaim(executorId) {
      await thawed;
      return port.reclaim(executorId);
    },
  };
}

const soon = { timeout: 15_000, interval: 20 };

describe('driving', () => {
  it('claims a run in the commit that makes it due, and adds no job', async () => {
    const held: Held[] = [];
    const process = await start({ segments: holding(held) });
    const runId = await createRun(process.committer);
    await vi.waitFor(() => expect(held).toHaveLength(1), soon);
    const row = await runRow(runId);
    expect(row?.claim).toBe(held[0]?.run.claim);
    expect(row?.executor_id).toBe(process.presence.current.executorId);
    expect(await database.sql`select from graphile_worker._private_jobs`).toEqual([]);
  });

  it('drives many more runs than there is room for, each once, over two processes and without the net', async () => {
    const driven: string[] = [];
    const first = await start({ segments: ending(driven), concurrency: 2 });
    await start({ segments: ending(driven), concurrency: 2 });
    const runIds = await Promise.all(Array.from({ length: 60 }, () => createRun(first.committer)));
    await vi.waitFor(async () => {
      const [row] = await database.sql<{ n: number }[]>`
        select count(*)::int as n from run_state where status = 'failed'`;
      expect(row?.n).toBe(60);
    }, soon);
    expect([...driven].sort()).toEqual([...runIds].sort());
  });

  it('finds a run whose job was lost', async () => {
    const held: Held[] = [];
    const driven: string[] = [];
    const busy = await start({ segments: holding(held), concurrency: 1 });
    await createRun(busy.committer);
    const lost = await createRun(busy.committer);
    await database.sql`delete from graphile_worker._private_jobs`;
    await database.sql`update run_state set due_at = now() - interval '1 s' where run_id = ${lost}`;
    await start({ segments: ending(driven), graceMs: 200 });
    await vi.waitFor(() => expect(driven).toEqual([lost]), soon);
  });

  it('drives no more runs of one organization than it may, and the next when one of them ends', async () => {
    const held: Held[] = [];
    const process = await start({ segments: holding(held), perOrganization: 1 });
    await createRun(process.committer);
    const second = await createRun(process.committer);
    await vi.waitFor(() => expect(held).toHaveLength(1), soon);
    expect((await runRow(second))?.claim).toBeNull();
    const { run, end } = held[0] as Held;
    await process.committer.commit({
      runId: run.runId,
      organizationId: null,
      commands: [{ type: 'fail', error: { code: 'tool_failed', message: 'the end' } }],
      segment: { epoch: run.epoch, claim: run.claim },
    });
    end();
    await vi.waitFor(() => expect(held.map((segment) => segment.run.runId)).toContain(second), soon);
  });

  it('aborts the segment of a run that another process has cancelled', async () => {
    const held: Held[] = [];
    const driver = await start({ segments: holding(held) });
    const other = await start({ segments: holding([]), concurrency: 1 });
    const runId = await createRun(driver.committer);
    await vi.waitFor(() => expect(held).toHaveLength(1), soon);
    const by = { type: 'system', id: 'test', name: 'test' } as const;
    await other.committer.commit({
      runId,
      organizationId: null,
      commands: [{ type: 'cancel', by, reason: null }],
    });
    await vi.waitFor(() => expect(held[0]?.signal.reason).toBeInstanceOf(Fenced), soon);
  });

  it('releases a claim of its own that has no segment', async () => {
    const driven: string[] = [];
    const held: Held[] = [];
    const full = await start({ segments: holding(held), concurrency: 1 });
    await createRun(full.committer);
    const orphan = await createRun(full.committer);
    const process = await start({ segments: ending(driven), concurrency: 0 });
    const { executorId } = process.presence.current;
    await database.sql`delete from graphile_worker._private_jobs`;
    await database.sql`update run_state set claim = ${`${executorId}:lost`}, executor_id = ${executorId}
      where run_id = ${orphan}`;
    await vi.waitFor(async () => expect((await runRow(orphan))?.claim).toBeNull(), soon);
    expect(await eventTypes(orphan)).toContain('segment.returned');
    expect(await database.sql`select from graphile_worker._private_jobs`).toHaveLength(1);
  });
});

describe('a process that dies', () => {
  it('is noticed within a second, and its run is driven by another under the next epoch', async () => {
    const held: Held[] = [];
    const victim = await start({ segments: holding(held, { deaf: true }), wrapPort: frozenPort });
    const runId = await createRun(victim.committer);
    await vi.waitFor(() => expect(held).toHaveLength(1), soon);
    const taken: Held[] = [];
    await start({ segments: holding(taken) });
    const diedAt = performance.now();
    await database.sql`select pg_terminate_backend(pid) from pg_locks
      where locktype = 'advisory' and objsubid = 1 and (classid::bigint << 32 | objid::bigint) =
        (select lock_key from executors where id = ${victim.presence.current.executorId})`;
    await vi.waitFor(() => expect(taken).toHaveLength(1), soon);
    const tookMs = performance.now() - diedAt;
    expect(taken[0]?.run).toMatchObject({ runId, epoch: (held[0]?.run.epoch ?? 0) + 1 });
    expect(await eventTypes(runId)).toContain('segment.lost');
    // Two looks 500 ms apart, and what the machine adds.
    expect(tookMs).toBeLessThan(3000);
    await expect(
      victim.committer.commit({
        runId,
        organizationId: null,
        commands: [{ type: 'fail', error: { code: 'tool_failed', message: 'too late' } }],
        segment: { epoch: held[0]?.run.epoch ?? 0, claim: held[0]?.run.claim ?? '' },
      }),
    ).rejects.toBeInstanceOf(Fenced);
    held[0]?.end();
  });

  it('goes on as the same when only its session was cut', async () => {
    const held: Held[] = [];
    const process = await start({ segments: holding(held) });
    const other = await start({ segments: holding([]) });
    await createRun(process.committer);
    await vi.waitFor(() => expect(held).toHaveLength(1), soon);
    const { executorId, dead } = process.presence.current;
    await database.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'fermata presence' and datname = current_database()`;
    // The lock may be had again sooner than anyone could see that it was lost.
    for (const { presence } of [process, other]) {
      await vi.waitFor(() => expect(presence.recoveredAt).not.toBeNull(), soon);
      await vi.waitFor(() => expect(presence.isPresent(1000)).toBe(true), soon);
    }
    expect(process.presence.current.executorId).toBe(executorId);
    expect(dead.aborted).toBe(false);
    expect(held[0]?.signal.aborted).toBe(false);
  });

  it('loses its lock while it is frozen, and begins a new life when it thaws', async () => {
    const held: Held[] = [];
    const frozen = await start({
      segments: holding(held),
      idleLimitMs: 300,
      presence: { pingEveryMs: 60_000 },
      wrapPort: frozenPort,
    });
    const before = frozen.presence.current;
    const runId = await createRun(frozen.committer);
    await vi.waitFor(() => expect(held).toHaveLength(1), soon);
    const taken: Held[] = [];
    await start({ segments: holding(taken), lookEveryMs: 200 });
    await vi.waitFor(() => expect(taken.map(({ run }) => run.runId)).toEqual([runId]), soon);
    expect(frozen.presence.isPresent(60_000)).toBe(false);
    thaw();
    await vi.waitFor(() => expect(before.dead.aborted).toBe(true), soon);
    expect(held[0]?.signal.reason).toBeInstanceOf(Fenced);
    await vi.waitFor(() => expect(frozen.presence.current.executorId).not.toBe(before.executorId), soon);
    await vi.waitFor(() => expect(frozen.presence.isPresent(1000)).toBe(true), soon);
    // The new life is begun first; its worker's id is written by a statement of its own.
    await vi.waitFor(async () => {
      const [row] = await database.sql<{ worker_ids: string[] }[]>`
        select worker_ids from executors where id = ${frozen.presence.current.executorId}`;
      expect(row?.worker_ids).toHaveLength(1);
    }, soon);
  });
});

describe('a process that drains', () => {
  it('gives back what its segments leave, which another process then drives', async () => {
    const held: Held[] = [];
    const process = await start({ segments: holding(held, { deaf: true }) });
    const runId = await createRun(process.committer);
    await vi.waitFor(() => expect(held).toHaveLength(1), soon);
    const taken: Held[] = [];
    await start({ segments: holding(taken) });
    const drained = process.drain(100);
    await vi.waitFor(() => expect(held[0]?.drain.aborted).toBe(true), soon);
    await drained;
    await vi.waitFor(() => expect(taken[0]?.run).toMatchObject({ runId }), soon);
    expect(await eventTypes(runId)).not.toContain('segment.lost');
    const [row] = await database.sql`select from executors where dead_at is not null`;
    expect(row).toBeDefined();
    held[0]?.end();
  });
});
