import { EVENT_VERSION, isTerminal, type RunEvent } from '@fermata/protocol';
import { apply } from './apply.ts';
import { ANNA, completeTurn, startTurn, waitBody } from './commands.fixture.ts';
import type { Command, CommandOf } from './commands.ts';
import { decide, type Decided } from './decide.ts';
import { UNDISPATCHED } from './dispatch.ts';
import type { NewRun } from './new-run.ts';
import type { Sent } from './outbox.ts';
import { EMPTY_RECORD } from './record.ts';
import { at, created, deepFreeze, factsOf } from './run.fixture.ts';
import type { RunState } from './state.ts';
import { reportToParent } from './tree.ts';

/** Runs and the outbox between them in memory, committed to and delivered as the store does it. */
export interface TreeWorld {
  readonly outbox: (Sent & { senderId: string })[];
  /** In the order of their creation. */
  readonly runs: readonly TreeRun[];
  readonly root: TreeRun;
  get(runId: string): TreeRun;
  /** Called with each event once it is in the log. */
  onEvent: ((run: TreeRun, event: RunEvent) => void) | null;
  commit(runId: string, ...commands: Command[]): Decided;
  /** Applies the oldest row of the receiver. */
  deliver(runId: string): Decided;
  deliverAll(): void;
  /** The `delegate` command for the next ready call of the run. */
  delegation(run: TreeRun): CommandOf<'delegate'>;
  /** Runs that stand under this one and were not reopened on their own. */
  below(runId: string): TreeRun[];
  tick(seconds: number): void;
}

export interface TreeRun {
  state: RunState;
  readonly events: RunEvent[];
}

export function treeWorld(): TreeWorld {
  const runs: TreeRun[] = [];
  const outbox: TreeWorld['outbox'] = [];
  let seconds = 0;

  function bear({ runId, created: body }: NewRun): TreeRun {
    const data = { ...body, number: runs.length + 1 };
    const event: RunEvent = { runId, seq: 1, type: 'run.created', at: at(seconds), v: EVENT_VERSION, data };
    const run = { state: apply(null, event), events: [event] };
    runs.push(run);
    return run;
  }

  function get(runId: string): TreeRun {
    const run = runs.find((one) => one.state.runId === runId);
    if (run === undefined) throw new Error(`there is no run ${runId}`);
    return run;
  }

  function commit(runId: string, ...commands: Command[]): Decided {
    const run = get(runId);
    const before = deepFreeze(structuredClone(run.state));
    const decided = decide(before, commands, at(seconds), factsOf(run.events, UNDISPATCHED, EMPTY_RECORD));
    const { sent, started, events, state } = decided;
    const report = reportToParent(before, state, events);
    run.state = state;
    run.events.push(...events);
    for (const child of started) bear(child);
    for (const one of [...sent, ...(report === null ? [] : [report])])
      outbox.push({ ...structuredClone(one), senderId: runId });
    for (const event of events) world.onEvent?.(run, event);
    return decided;
  }

  function deliver(runId: string): Decided {
    const index = outbox.findIndex((row) => row.runId === runId);
    const [row] = outbox.splice(index, 1);
    if (index < 0 || row === undefined) throw new Error(`nothing is left for ${runId}`);
    return commit(row.runId, row.command);
  }

  const world: TreeWorld = {
    outbox,
    runs,
    onEvent: null,
    root: bear({ runId: idOf(0), created: created(), secrets: null }),
    get,
    commit,
    deliver,
    deliverAll() {
      for (let first = outbox[0]; first !== undefined; first = outbox[0]) deliver(first.runId);
    },
    delegation({ state }) {
      const callId = state.calls.find((call) => call.state === 'ready')?.callId ?? 'none';
      const runId = idOf(runs.length);
      const wait = waitBody(`wait-${runId}`, 'run', { callId, childRunId: runId });
      const parent = { runId: state.runId, callId, waitId: wait.id };
      const depth = (state.depth ?? 0) + 1;
      return {
        type: 'delegate',
        wait,
        child: { runId, created: created({ parent, depth, by: ANNA }), secrets: null },
      };
    },
    below(runId) {
      const own = runs.filter(({ state }) => state.parentId === runId && state.leftTree !== true);
      return own.flatMap((run) => [run, ...world.below(run.state.runId)]);
    },
    tick(more) {
      seconds += more;
    },
  };
  return world;
}

function idOf(index: number): string {
  return `01890000-0000-7000-8000-${String(index).padStart(12, '0')}`;
}

/** Paused, or over. */
export function isStopped({ state }: TreeRun): boolean {
  return state.status === 'paused' || isTerminal(state.status);
}

/** Claims a run, and lets its first turn ask for these tools. */
export function ask(world: TreeWorld, run: TreeRun, ...tools: string[]): void {
  const { runId } = run.state;
  world.commit(runId, { type: 'claim', by: ANNA });
  world.commit(runId, startTurn(run));
  world.commit(runId, completeTurn(run, tools));
}

/** A child of the run, created and claimed. */
function child(world: TreeWorld, run: TreeRun): TreeRun {
  const command = world.delegation(run);
  world.commit(run.state.runId, command);
  const started = world.get(command.child.runId);
  world.commit(command.child.runId, { type: 'claim', by: ANNA });
  world.deliverAll();
  return started;
}

/** A parent that waits for a child, which waits for its own. */
export function family(): { world: TreeWorld; top: TreeRun; middle: TreeRun; leaf: TreeRun } {
  const world = treeWorld();
  const top = world.root;
  ask(world, top, 'delegate');
  const middle = child(world, top);
  world.commit(middle.state.runId, startTurn(middle));
  world.commit(middle.state.runId, completeTurn(middle, ['delegate']));
  const leaf = child(world, middle);
  return { world, top, middle, leaf };
}
