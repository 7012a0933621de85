import { describe, expect, it } from 'vitest';
import { isTerminal } from '@fermata/protocol';
import type { Fault, MemoryRun } from '../../../../test/world/memory-committer.ts';
import { fold } from '../engine/apply.ts';
import type { Command } from '../engine/commands.ts';
import {
  answering,
  cancelling,
  createTestWorld,
  eventsOf,
  fails,
  messaging,
  pausing,
  resuming,
  says,
  type TestSegment,
  type TestTool,
  type TestWorld,
  type TestWorldOptions,
} from './segment.fixture.ts';

const MOST_COMMITS = 40;

/**
 * A run with everything in it: deltas, a failed attempt, calls side by side of every kind, an approval, a second
 * round, an end.
 */
function everything(hints: TestWorldOptions['hints'] = 'events'): { world: TestWorld; run: MemoryRun } {
  const slow: TestTool['handler'] = async ({ signal, tool }) => {
    await world.clock.sleep(50, signal);
    if (signal.aborted) return { kind: 'in_doubt', cause: 'aborted', message: 'aborted' };
    return { kind: 'completed', output: tool.name };
  };
  const world = createTestWorld({
    hints,
    model: async ({ turn, attempt, onDelta, signal }) => {
      for (const word of ['one ', 'two']) {
        onDelta({ part: 0, channel: 'text', text: word });
        await world.clock.sleep(45, signal);
      }
      if (signal.aborted) return fails({ kind: 'aborted' });
      if (turn === 2 && attempt === 1) {
        return fails({ kind: 'retryable', afterMs: 100, code: 'provider_failed', message: 'busy' });
      }
      if (turn === 1) {
        return says(
          'one two',
          { tool: 'send' },
          { tool: 'look' },
          { tool: 'pay' },
          { tool: 'page' },
          { tool: '?' },
        );
      }
      return turn === 2 ? says('one two', { tool: 'send' }) : says('one two');
    },
    tools: [
      { name: 'send', handler: slow },
      { name: 'look', afterCrash: 'retry', handler: slow },
      { name: 'pay', approval: 'always', handler: slow },
      { name: 'page', type: 'client' },
    ],
  });
  return { world, run: world.start() };
}

/** What a diligent person does with a run that is not due: resumes it, and answers what it waits for. */
function attend(world: TestWorld, run: MemoryRun): Command {
  if (run.state.status === 'paused') return resuming();
  const [wait] = run.state.waits;
  if (wait === undefined) throw new Error(`nothing to be done about a run that is ${run.state.status}`);
  switch (wait.kind) {
    case 'approval':
      return answering(run, { decision: 'approve' });
    case 'tool_output':
      return answering(run, { output: 'clicked' });
    case 'in_doubt': {
      const key = eventsOf(run, 'tool.started').find(({ callId }) => callId === wait.callId)?.idempotencyKey;
      const happened = world.effects.has(key ?? '');
      return answering(run, happened ? { outcome: 'done', output: 'it was' } : { outcome: 'retry' });
    }
    default:
      throw new Error(`an unexpected wait of kind ${wait.kind}`);
  }
}

/** Drives and attends to the run until it has ended. */
async function finish(world: TestWorld, run: MemoryRun): Promise<void> {
  for (let rounds = 0; !isTerminal(run.state.status); rounds += 1) {
    if (rounds > 50) throw new Error('the run does not end');
    await world.drive(run);
    if (!isTerminal(run.state.status)) await world.send(run, attend(world, run));
  }
}

/** Calls `interrupt` at the n-th commit of a segment. Returns whether there was one. */
function atCommit(
  world: TestWorld,
  n: number,
  interrupt: () => Promise<Fault | undefined> | Fault | undefined,
): () => boolean {
  let commits = 0;
  world.store.fault = async ({ segment }) => {
    if (segment === undefined) return undefined;
    commits += 1;
    return commits === n ? await interrupt() : undefined;
  };
  return () => commits >= n;
}

/** What must hold whatever came in between. */
function checkLog(world: TestWorld, run: MemoryRun, about: string): void {
  expect(run.state, about).toEqual(fold(run.events));
  expect(
    run.events.map(({ seq }) => seq),
    about,
  ).toEqual(run.events.map((_, index) => index + 1));
  for (const type of ['message.completed', 'tool.completed'] as const) {
    const ids = eventsOf(run, type)
      .filter((data) => !('late' in data && data.late === true))
      .map((data) => ('callId' in data ? data.callId : String(data.turn)));
    expect(new Set(ids).size, `${about}: ${type} of ${ids.join(', ')}`).toBe(ids.length);
  }
  // Only the tool that may be asked twice was: the others had no request after one that may have had an effect.
  for (const [key, requests] of world.requests) {
    const started = eventsOf(run, 'tool.started').find(({ idempotencyKey }) => idempotencyKey === key);
    if (started?.tool !== 'look') expect(requests, `${about}: ${started?.tool ?? key}`).toBe(1);
  }
  expect(
    world.logged.filter(({ level }) => level === 'error'),
    about,
  ).toEqual([]);
}

/** Plays the run once for each commit that its segments make, and interrupts it there. */
async function atEveryCommit(
  hints: TestWorldOptions['hints'],
  interrupt: (world: TestWorld, run: MemoryRun) => Promise<Fault | undefined>,
  check: (world: TestWorld, run: MemoryRun, about: string) => void = succeeds,
): Promise<number> {
  for (let n = 1; n <= MOST_COMMITS; n += 1) {
    const { world, run } = everything(hints);
    const wasReached = atCommit(world, n, () => interrupt(world, run));
    await finish(world, run);
    check(world, run, `commit ${n}`);
    if (!wasReached()) return n - 1;
  }
  throw new Error('the run never ends');
}

function succeeds(world: TestWorld, run: MemoryRun, about: string): void {
  expect(run.state.status, about).toBe('succeeded');
  checkLog(world, run, about);
}

describe.each(['events', 'hint', 'none'] as const)('a run whose segments learn of others by %s', (hints) => {
  it('survives a pause at a checkpoint before every commit', async () => {
    const interrupt = async (world: TestWorld, run: MemoryRun) => {
      await world.send(run, pausing('checkpoint'));
      return undefined;
    };
    expect(await atEveryCommit(hints, interrupt)).toBeGreaterThan(15);
  });

  it('survives a pause that aborts the step before every commit', async () => {
    await atEveryCommit(hints, async (world, run) => {
      await world.send(run, pausing('now'));
      return undefined;
    });
  });

  it('takes in a message before every commit', async () => {
    await atEveryCommit(
      hints,
      async (world, run) => {
        await world.send(run, messaging('And this', 'queue'));
        return undefined;
      },
      (world, run, about) => {
        succeeds(world, run, about);
        const received = eventsOf(run, 'message.received').length;
        const seen = world.prompts.at(-1)?.messages.filter(({ role }) => role === 'user').length;
        expect(seen, about).toBe(1 + received);
      },
    );
  });

  it('can be cancelled before every commit, and then nothing follows but what came late', async () => {
    await atEveryCommit(
      hints,
      async (world, run) => {
        await world.send(run, cancelling());
        return undefined;
      },
      (world, run, about) => {
        checkLog(world, run, about);
        if (run.state.status === 'succeeded') return;
        const end = run.events.findIndex(({ type }) => type === 'run.cancelled');
        for (const event of run.events.slice(end + 1)) {
          expect(event, about).toMatchObject({ data: { late: true } });
        }
      },
    );
  });

  it('survives the loss of the reply of every commit', async () => {
    await atEveryCommit(hints, async () => 'lose');
  });
});

describe('a run whose process dies', () => {
  it.each(['hang_before', 'hang_after'] as const)(
    'at any commit (%s) is taken over without repeating a step',
    async (fault) => {
      for (let n = 1; n <= MOST_COMMITS; n += 1) {
        const { world, run } = everything();
        let segment: TestSegment | null = null;
        let isDead = false;
        const wasReached = atCommit(world, n, () => {
          // What the commit itself did stands; its reply and everything after it is lost with the process.
          if (fault === 'hang_before') segment?.kill();
          isDead = true;
          return fault;
        });
        while (!isTerminal(run.state.status)) {
          if (run.dispatch.dueAt === null) {
            await world.send(run, attend(world, run));
            continue;
          }
          const claimed = await world.claim(run);
          if (claimed === null) throw new Error('the run is driven already');
          segment = world.segment(run, claimed);
          const died = untilTrue(world, () => isDead);
          await Promise.race([world.clock.run(segment.done), died]);
          if (!isDead) continue;
          segment.kill();
          isDead = false;
          if (run.dispatch.claim !== null) await world.adopt(run);
        }
        succeeds(world, run, `commit ${n}`);
        if (!wasReached()) return;
      }
    },
  );
});

async function untilTrue(world: TestWorld, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await world.clock.settle();
}

describe('a run whose process shuts down', () => {
  it.each(['drain', 'abort'] as const)('at any commit (%s) is given back and goes on', async (how) => {
    for (let n = 1; n <= MOST_COMMITS; n += 1) {
      const { world, run } = everything();
      let segment: TestSegment | null = null;
      const wasReached = atCommit(world, n, () => {
        segment?.[how]();
        return undefined;
      });
      while (!isTerminal(run.state.status)) {
        if (run.dispatch.dueAt === null) {
          await world.send(run, attend(world, run));
          continue;
        }
        const claimed = await world.claim(run);
        if (claimed === null) throw new Error('the run is driven already');
        segment = world.segment(run, claimed);
        await world.clock.run(segment.done);
      }
      succeeds(world, run, `commit ${n}`);
      if (!wasReached()) return;
    }
  });
});
