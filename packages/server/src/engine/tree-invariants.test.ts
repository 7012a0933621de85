import fc from 'fast-check';
import { EVENT_DATA, isTerminal } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { fold } from './apply.ts';
import {
  answer,
  ANNA,
  cancel,
  completeTurn,
  message,
  openWaits,
  pause,
  report,
  resume,
  retry,
  startTurn,
  waitBody,
} from './commands.fixture.ts';
import type { Command } from './commands.ts';
import { EngineError } from './errors.ts';
import { isInFlight } from './state.ts';
import { isStopped, treeWorld, type TreeRun, type TreeWorld } from './tree.fixture.ts';

const ACTS = ['drive', 'deliver', 'pause', 'resume', 'cancel', 'supersede', 'fail', 'retry'] as const;
interface Op {
  act: (typeof ACTS)[number];
  /** Which run, which row. */
  a: number;
  b: number;
}

const WEIGHTS: Partial<Record<Op['act'], number>> = { drive: 24, deliver: 24, pause: 4, resume: 4 };
const opsArbitrary: fc.Arbitrary<Op[]> = fc.array(
  fc.record({
    act: fc.oneof(...ACTS.map((act) => ({ weight: WEIGHTS[act] ?? 1, arbitrary: fc.constant(act) }))),
    a: fc.nat({ max: 11 }),
    b: fc.nat({ max: 11 }),
  }),
  { maxLength: 160, size: 'max' },
);

const MOST_RUNS = 9;
const MOST_TURNS = 3;

/** What a segment, or somebody who answers, would do next; null when there is nothing. */
function nextCommand(world: TreeWorld, run: TreeRun, b: number): Command | null {
  const { state } = run;
  if (isTerminal(state.status) || state.status === 'paused') return null;
  if (state.turn.phase === 'model') return completeTurn(run, toolsOf(world, run, b));
  if (state.status === 'pausing') return null;
  if (state.startedAt === null) return { type: 'claim', by: ANNA };
  const ready = state.calls.find((call) => call.state === 'ready');
  if (ready?.tool === 'delegate') return world.delegation(run);
  if (ready !== undefined)
    return openWaits(waitBody(`w-${state.runId}-${state.head}`, 'input', { callId: ready.callId }));
  const asked = state.waits.find((wait) => wait.kind === 'input');
  if (asked !== undefined) return answer({ waitId: asked.id }, { value: 1 });
  return state.waits.length > 0 ? null : startTurn(run);
}

function toolsOf(world: TreeWorld, { state }: TreeRun, b: number): string[] {
  if (state.turn.number >= MOST_TURNS) return [];
  const mayDelegate = (state.depth ?? 0) < 2 && world.runs.length < MOST_RUNS;
  const choices = mayDelegate
    ? [['delegate'], ['delegate', 'delegate'], ['delegate', 'ask_user'], []]
    : [['ask_user'], [], []];
  return choices[b % choices.length] ?? [];
}

function commandOf(world: TreeWorld, run: TreeRun, { act, b }: Op): Command | null {
  switch (act) {
    case 'drive':
      return nextCommand(world, run, b);
    case 'pause':
      return pause({
        hold: b % 4 === 0 ? 'review' : 'operator',
        at: b % 3 === 0 ? 'now' : 'checkpoint',
        tree: b % 5 !== 0,
      });
    case 'resume':
      return resume({ hold: b % 3 === 0 ? 'review' : null });
    case 'cancel':
      return b % 3 === 0 ? cancel() : null;
    case 'supersede':
      return message({ onWaiting: 'supersede' });
    case 'fail':
      return b % 3 === 0 ? { type: 'fail', error: { code: 'x', message: 'y' } } : report();
    case 'retry':
      return retry();
    default:
      return null;
  }
}

/** False: the engine refused it, by its own error. */
function attempt(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.code !== 'internal') return false;
    throw error;
  }
}

function play(world: TreeWorld, ops: readonly Op[], after: () => void = () => undefined): void {
  for (const op of ops) {
    const run = world.runs[op.a % world.runs.length];
    if (op.act === 'deliver') {
      const receivers = [...new Set(world.outbox.map((row) => row.runId))];
      const receiver = receivers[op.b % Math.max(1, receivers.length)];
      if (receiver !== undefined) world.deliver(receiver);
    } else if (run !== undefined) {
      const command = commandOf(world, run, op);
      if (command !== null) attempt(() => world.commit(run.state.runId, command));
    }
    after();
  }
}

/** Delivers everything, releases every hold, and drives on until nothing is left to do. */
function bringToRest(world: TreeWorld): void {
  for (let round = 0; round < 400; round += 1) {
    world.deliverAll();
    let moved = false;
    for (const run of [...world.runs]) {
      const own = run.state.holds.find((hold) => hold.name !== 'parent');
      const command = own === undefined ? nextCommand(world, run, 3) : resume({ hold: own.name });
      if (command !== null) moved = attempt(() => world.commit(run.state.runId, command)) || moved;
    }
    if (!moved && world.outbox.length === 0) return;
  }
  throw new Error('the tree does not come to rest');
}

describe('whatever happens to a tree of runs, in whatever order it is told', () => {
  it('`tree.paused` is said only when every run below has stopped, and once for each pause', () => {
    let seen = 0;
    fc.assert(
      fc.property(opsArbitrary, (ops) => {
        const world = treeWorld();
        world.onEvent = ({ state }, event) => {
          if (event.type !== 'tree.paused') return;
          seen += 1;
          expect(state.status).toBe('paused');
          // Below a run that has ended, a cancel may still be on its way.
          const below = world
            .below(state.runId)
            .filter((run) => !isTerminal(parentOf(world, run).state.status));
          expect(below.filter((run) => !isStopped(run)).map((run) => run.state.status)).toEqual([]);
        };
        play(world, ops);
        for (const { events } of world.runs) {
          let isSaid = false;
          for (const event of events) {
            if (event.type === 'tree.paused') {
              expect(isSaid).toBe(false);
              isSaid = true;
            }
            if (event.type === 'hold.released' || event.type === 'run.reopened') isSaid = false;
          }
        }
      }),
      { numRuns: 250 },
    );
    expect(seen).toBeGreaterThan(20);
  });

  it('once all is told, parents know their children, and holds and ends have reached the last of them', () => {
    fc.assert(
      fc.property(opsArbitrary, (ops) => {
        const world = treeWorld();
        play(world, ops);
        world.deliverAll();
        for (const run of world.runs) {
          const { state } = run;
          expect(fold(JSON.parse(JSON.stringify(run.events)))).toEqual(state);
          for (const event of run.events)
            expect(EVENT_DATA[event.type].safeParse(event.data).error?.message).toBeUndefined();
          const children = world.runs.filter(
            (one) => one.state.parentId === state.runId && one.state.leftTree !== true,
          );
          const live = children.filter((one) => !isTerminal(one.state.status));
          expect((state.children ?? []).map((child) => [child.runId, child.status])).toEqual(
            live.map((child) => [child.state.runId, child.state.status]),
          );
          if (isTerminal(state.status)) expect(live).toEqual([]);
          const isHeld = state.treeHold !== undefined;
          for (const child of live)
            expect(child.state.holds.some((hold) => hold.name === 'parent')).toBe(isHeld);
          const isTreeStopped =
            isHeld && state.status === 'paused' && world.below(state.runId).every(isStopped);
          if (isHeld && !isTerminal(state.status)) expect(state.treeHold?.announced).toBe(isTreeStopped);
          if (isTerminal(state.status)) expect(isInFlight(state)).toBe(false);
        }
      }),
      { numRuns: 250 },
    );
  });

  it('nobody waits for ever: when all holds are released and all questions answered, every run ends', () => {
    fc.assert(
      fc.property(opsArbitrary, (ops) => {
        const world = treeWorld();
        play(world, ops);
        bringToRest(world);
        const unfinished = world.runs.filter(({ state }) => !isTerminal(state.status));
        expect(unfinished.map(({ state }) => [state.status, state.holds, state.waits])).toEqual([]);
      }),
      { numRuns: 120 },
    );
  });
});

function parentOf(world: TreeWorld, run: TreeRun): TreeRun {
  return run.state.parentId === null ? run : world.get(run.state.parentId);
}
