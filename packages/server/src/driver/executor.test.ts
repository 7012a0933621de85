import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { RunEvent } from '@fermata/protocol';
import type { Dispatch } from '../engine/dispatch.ts';
import { Fenced } from '../engine/errors.ts';
import type { RunHint } from '../engine/ports.ts';
import type { RunState } from '../engine/state.ts';
import { createLogger } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { DrainLimitReached, Executor, type Taken } from './executor.ts';
import type { ClaimedRun, SegmentControl } from './segment-ports.ts';

const EXECUTOR = 'executor-1';

interface Started {
  run: ClaimedRun;
  signal: AbortSignal;
  control: SegmentControl;
  end: () => void;
}

function setUp(concurrency = 2): {
  executor: Executor;
  started: Started[];
  presence: { age: number; die: () => void };
  onRoom: ReturnType<typeof vi.fn>;
  onForeignChange: ReturnType<typeof vi.fn>;
} {
  const started: Started[] = [];
  const onRoom = vi.fn();
  const onForeignChange = vi.fn();
  const dead = new AbortController();
  const presence = { age: 0, die: () => dead.abort() };
  const executor = new Executor({
    concurrency,
    presence: {
      current: { executorId: EXECUTOR, dead: dead.signal },
      recoveredAt: null,
      isPresent: (maxAgeMs) => presence.age <= maxAgeMs && !dead.signal.aborted,
    },
    segments: {
      run: (run, signal, control) =>
        new Promise<void>((end) => {
          started.push({ run, signal, control, end });
        }),
    },
    logger: createLogger({ level: 'silent' }),
    metrics: createMetrics(),
    onRoom,
    onForeignChange,
  });
  return { executor, started, presence, onRoom, onForeignChange };
}

function state(runId: string, head = 1): RunState {
  return { runId, organizationId: 1, head } as RunState;
}

function claimedRun(runId: string, claim: string, epoch = 1): ClaimedRun {
  return { runId, organizationId: 1, epoch, claim, state: state(runId) };
}

function dispatch(claim: string | null, epoch = 1, attempts = 1): Dispatch {
  return { claim, epoch, attempts, executorId: EXECUTOR, dueAt: null };
}

async function start(executor: Executor, runId: string, epoch = 1): Promise<string> {
  const taken = executor.offer(1);
  if (taken === null) throw new Error('no room');
  executor.claimed(claimedRun(runId, taken.claim, epoch));
  await tick();
  return taken.claim;
}

async function tick(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

const EVENT = { seq: 2, type: 'hold.placed' } as RunEvent;

describe('Executor', () => {
  it('offers a claim of its own while there is room, and counts reservations as used', async () => {
    const { executor } = setUp(2);
    const first = executor.offer(1);
    expect(first?.claim).toMatch(new RegExp(`^${EXECUTOR}:[0-9a-f]{16}$`));
    expect(executor.offer(1)).not.toBeNull();
    expect(executor.offer(1)).toBeNull();
    executor.withdraw(first?.claim ?? '');
    executor.withdraw(first?.claim ?? '');
    expect(executor.room).toBe(1);
  });

  it('offers nothing when its presence was not confirmed of late, is lost, or while it drains', () => {
    const { executor, presence } = setUp();
    presence.age = 5001;
    expect(executor.offer(1)).toBeNull();
    expect(executor.reserve(0, 'job')).toBe('full');
    presence.age = 0;
    expect(executor.offer(1)).not.toBeNull();
    executor.stopClaiming();
    expect(executor.offer(1)).toBeNull();
  });

  it('starts one segment per claim, however often it is told', async () => {
    const { executor, started } = setUp();
    const taken = executor.offer(1) as Taken;
    executor.claimed(claimedRun('a', taken.claim));
    executor.claimed(claimedRun('a', taken.claim));
    await tick();
    started[0]?.end();
    await tick();
    executor.claimed(claimedRun('a', taken.claim));
    await tick();
    expect(started).toHaveLength(1);
    expect(executor.room).toBe(2);
  });

  it('does not drive a claim that was committed for a life that is over', async () => {
    const { started, executor } = setUp();
    const taken = executor.offer(1) as Taken;
    executor.claimed(claimedRun('a', taken.claim.replace(EXECUTOR, 'executor-0')));
    await tick();
    expect(started).toHaveLength(0);
  });

  it('aborts the segment as fenced when a commit takes its claim, and tells it of every other commit', async () => {
    const { executor, started } = setUp();
    const claim = await start(executor, 'a');
    const seen: unknown[] = [];
    started[0]?.control.onCommit((events) => seen.push(events));
    executor.committed({ state: state('a', 2), events: [EVENT], dispatch: dispatch(claim) });
    expect(seen).toEqual([[EVENT]]);
    expect(started[0]?.signal.aborted).toBe(false);
    executor.committed({ state: state('a', 3), events: [], dispatch: dispatch(null, 2) });
    expect(started[0]?.signal.reason).toBeInstanceOf(Fenced);
  });

  it.each([
    ['another process has the run', 'executor-2:1', 2],
    ['the epoch is another', null, 2],
  ])('aborts the segment when %s', async (_when, claim, epoch) => {
    const { executor, started } = setUp();
    const own = await start(executor, 'a');
    executor.committed({ state: state('a', 2), events: [EVENT], dispatch: dispatch(claim ?? own, epoch) });
    expect(started[0]?.signal.reason).toBeInstanceOf(Fenced);
  });

  it('leaves the new segment alone when the one before it is still ending', async () => {
    const { executor, started } = setUp(3);
    const first = await start(executor, 'a', 1);
    executor.committed({ state: state('a', 3), events: [EVENT], dispatch: dispatch(null, 2) });
    const second = await start(executor, 'a', 2);
    started[0]?.end();
    await tick();
    executor.committed({ state: state('a', 4), events: [EVENT], dispatch: dispatch(second, 2) });
    expect(started[1]?.signal.aborted).toBe(false);
    expect(executor.knows(first)).toBe(false);
    expect(executor.knows(second)).toBe(true);
  });

  it('stops telling a listener that has ended', async () => {
    const { executor, started } = setUp();
    const claim = await start(executor, 'a');
    const listener = vi.fn();
    started[0]?.control.onCommit(listener)();
    executor.committed({ state: state('a', 2), events: [EVENT], dispatch: dispatch(claim) });
    expect(listener).not.toHaveBeenCalled();
  });

  it('fences a run that a hint of another process says has ended, and else asks for a look', async () => {
    const { executor, started, onForeignChange } = setUp();
    await start(executor, 'a');
    const hint: RunHint = { runId: 'a', organizationId: 1, status: 'running', head: 9, openWaits: 0 };
    executor.hintListener.onHint(hint, true);
    executor.hintListener.onHint({ ...hint, head: 1 }, false);
    executor.hintListener.onHint({ ...hint, runId: 'b' }, false);
    expect(onForeignChange).not.toHaveBeenCalled();
    executor.hintListener.onHint(hint, false);
    expect(onForeignChange).toHaveBeenCalledTimes(1);
    executor.hintListener.onHint({ ...hint, status: 'cancelled' }, false);
    expect(started[0]?.signal.reason).toBeInstanceOf(Fenced);
  });

  it('aborts every segment when this process was declared dead', async () => {
    const { executor, started, presence } = setUp();
    await start(executor, 'a');
    await start(executor, 'b');
    presence.die();
    expect(started.map(({ signal }) => signal.reason instanceof Fenced)).toEqual([true, true]);
    expect(executor.offer(1)).toBeNull();
  });

  it('drives one suspect at a time, until it has committed a step', async () => {
    const { executor } = setUp(5);
    const first = executor.reserve(2, 'job') as Taken;
    expect(executor.reserve(3, 'job')).toBe('suspect');
    executor.claimed(claimedRun('a', first.claim));
    await tick();
    expect(executor.reserve(2, 'sweep')).toBe('suspect');
    expect(executor.reserve(1, 'sweep')).not.toBe('suspect');
    executor.committed({ state: state('a', 2), events: [EVENT], dispatch: dispatch(first.claim, 1, 0) });
    expect(executor.reserve(2, 'sweep')).not.toBe('suspect');
  });

  it('says when there is room again, also after a segment has thrown', async () => {
    const { executor, started, onRoom } = setUp(1);
    await start(executor, 'a');
    expect(executor.room).toBe(0);
    started[0]?.end();
    await tick();
    expect(executor.room).toBe(1);
    expect(onRoom).toHaveBeenLastCalledWith(1);
  });

  it('asks segments to give back first, and aborts them only when told that there is no time left', async () => {
    const { executor, started } = setUp();
    await start(executor, 'a');
    executor.stopClaiming();
    expect(started[0]?.control.drain.aborted).toBe(true);
    expect(started[0]?.signal.aborted).toBe(false);
    executor.abortSegments();
    expect(started[0]?.signal.reason).toBeInstanceOf(DrainLimitReached);
    const settled = executor.settled(10_000);
    started[0]?.end();
    await settled;
    expect(executor.segments).toHaveLength(0);
  });

  it('never has more segments and reservations than room, whatever comes in between', async () => {
    const step = fc.oneof(
      fc.constant('offer' as const),
      fc.constant('reserve' as const),
      fc.record({ withdraw: fc.nat(20) }),
      fc.record({ claim: fc.nat(20) }),
      fc.record({ end: fc.nat(20) }),
      fc.record({ fence: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 60 }),
        async (size, steps) => {
          const { executor, started } = setUp(size);
          const open: string[] = [];
          let live = 0;
          for (const [index, action] of steps.entries()) {
            if (action === 'offer' || action === 'reserve') {
              const taken = action === 'offer' ? executor.offer(1) : executor.reserve(0, 'job');
              const isRoom = open.length + live < size;
              expect(taken !== null && taken !== 'full').toBe(isRoom);
              if (taken !== null && typeof taken === 'object') open.push(taken.claim);
            } else if ('withdraw' in action) {
              const [claim] = open.splice(action.withdraw, 1);
              executor.withdraw(claim ?? 'unknown');
            } else if ('claim' in action) {
              const [claim] = open.splice(action.claim, 1);
              executor.claimed(claimedRun(`run-${index}`, claim ?? 'unknown'));
              if (claim !== undefined) live++;
              await tick();
            } else if ('end' in action) {
              const [segment] = started.splice(action.end, 1);
              segment?.end();
              if (segment !== undefined) live--;
              await tick();
            } else {
              const runId = started[action.fence]?.run.runId ?? 'unknown';
              executor.committed({ state: state(runId, 2), events: [], dispatch: dispatch(null, 2) });
            }
            expect(executor.room).toBe(size - open.length - live);
            expect(executor.segments).toHaveLength(live);
            for (const claim of open) expect(executor.knows(claim)).toBe(true);
          }
          for (const claim of open) executor.withdraw(claim);
          for (const segment of started) segment.end();
          await tick();
          expect(executor.room).toBe(size);
        },
      ),
    );
  });
});
