import type { OpenWait } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import {
  ANNA,
  answer,
  cancel,
  completeTurn,
  expire,
  message,
  openWaits,
  pause,
  report,
  resume,
  retry,
  startTurn,
  waitBody,
} from '../commands.fixture.ts';
import { EngineError } from '../errors.ts';
import { at, call, types, withWaits } from '../run.fixture.ts';
import { openWaitsOf } from '../tree.ts';
import { ask, family, treeWorld, type TreeRun, type TreeWorld } from '../tree.fixture.ts';

function finish(world: TreeWorld, run: TreeRun): void {
  world.commit(run.state.runId, startTurn(run));
  world.commit(run.state.runId, completeTurn(run, []));
}

function logOf(run: TreeRun, ...wanted: string[]): string[] {
  return types(run.events).filter((type) => wanted.includes(type));
}

function refusalOf(act: () => unknown): EngineError {
  try {
    act();
  } catch (error) {
    if (error instanceof EngineError) return error;
  }
  throw new Error('not refused');
}

describe('delegate', () => {
  it('opens the wait and starts the child in one commit, and no tool is started', () => {
    const world = treeWorld();
    ask(world, world.root, 'delegate');
    const { events, state } = world.commit(world.root.state.runId, world.delegation(world.root));
    expect(types(events)).toEqual(['wait.opened', 'child.started', 'run.waiting']);
    expect(state.children).toMatchObject([{ status: 'queued', stopped: false }]);
    expect(state.usage.toolCalls).toBe(1);
    expect(world.runs[1]?.state).toMatchObject({ status: 'queued', parentId: state.runId, depth: 1 });
  });

  it('starts nothing under a hold: the call is made after the resume', () => {
    const world = treeWorld();
    ask(world, world.root, 'delegate');
    const { runId } = world.root.state;
    world.commit(runId, pause());
    expect(refusalOf(() => world.commit(runId, world.delegation(world.root))).code).toBe(
      'invalid_transition',
    );
    world.commit(runId, resume());
    world.commit(runId, world.delegation(world.root));
    expect(world.runs).toHaveLength(2);
  });
});

describe('what a child tells', () => {
  it('is its status and what it waits for, through all levels, and only when that has changed', () => {
    const { world, top, middle, leaf } = family();
    expect(top.state.children).toMatchObject([{ status: 'waiting', runs: 2 }]);
    const before = types(top.events).length;
    world.commit(leaf.state.runId, startTurn(leaf));
    expect(world.outbox).toEqual([]);
    world.commit(leaf.state.runId, completeTurn(leaf, ['ask_user']));
    const { callId = '' } = leaf.state.calls[0] ?? {};
    world.commit(leaf.state.runId, openWaits(waitBody('w1', 'input', { callId })));
    world.deliverAll();
    expect(openWaitsOf(top.state).map((wait) => [wait.kind, wait.runId])).toEqual([
      ['run', top.state.runId],
      ['run', middle.state.runId],
      ['input', leaf.state.runId],
    ]);
    expect(types(top.events).length).toBe(before + 1);
    world.commit(leaf.state.runId, answer({ waitId: 'w1' }, { value: 'yes' }));
    world.deliverAll();
    expect(openWaitsOf(top.state)).toHaveLength(2);
  });

  it('comes too late when it is older than what was told before, or than its end', () => {
    const { world, top, middle } = family();
    const { runId } = top.state;
    const told = {
      type: 'childChanged',
      childRunId: middle.state.runId,
      status: 'running',
      openWaits: [] as OpenWait[],
    } as const;
    expect(world.commit(runId, { ...told, childSeq: 2 }).decisions).toEqual([{ changed: false }]);
    world.commit(middle.state.runId, cancel());
    world.deliverAll();
    expect(top.state.children).toEqual([]);
    expect(world.commit(runId, { ...told, childSeq: 99 }).events).toEqual([]);
  });

  it('is in the end its result: output, failure, or that it was cancelled', () => {
    const { world, middle, leaf } = family();
    finish(world, leaf);
    world.deliverAll();
    expect(types(middle.events).slice(-4)).toEqual([
      'child.finished',
      'wait.resolved',
      'tool.completed',
      'turn.completed',
    ]);
    expect(middle.events.at(-2)?.data).toMatchObject({ output: 'ok' });
    expect(middle.state.status).toBe('running');

    const failing = family();
    failing.world.commit(failing.leaf.state.runId, { type: 'fail', error: { code: 'x', message: 'broken' } });
    failing.world.deliverAll();
    expect(failing.middle.events.at(-2)).toMatchObject({
      type: 'tool.failed',
      data: { error: { code: 'child_failed', message: 'broken' } },
    });

    const cancelled = family();
    cancelled.world.commit(cancelled.leaf.state.runId, cancel());
    cancelled.world.deliverAll();
    expect(cancelled.middle.events.at(-2)).toMatchObject({
      type: 'tool.denied',
      data: { outcome: 'cancelled', reason: 'the child run was cancelled' },
    });
    expect(cancelled.middle.events.at(-3)).toMatchObject({ data: { resolution: { outcome: 'finished' } } });
  });

  it('fits into an event, whatever its output', () => {
    const { world, middle, leaf } = family();
    world.commit(leaf.state.runId, startTurn(leaf));
    world.commit(leaf.state.runId, completeTurn(leaf, [], { output: 'x'.repeat(200_000) }));
    world.deliverAll();
    expect(middle.events.at(-2)?.data).toMatchObject({ output: { truncated: true, sizeBytes: 200_002 } });
  });

  it('does not bring a paused parent on', () => {
    const { world, top, middle } = family();
    world.commit(top.state.runId, pause({ tree: false }));
    world.commit(middle.state.runId, report({ status: 'succeeded', output: 1 }));
    world.deliverAll();
    expect(top.state.status).toBe('paused');
    expect(top.state.calls).toEqual([]);
    world.commit(top.state.runId, resume());
    expect(top.state.status).toBe('running');
  });
});

describe('an answer to a parent', () => {
  it('that names a child’s wait is refused, and so is one to the wait for the child', () => {
    const { world, top, middle, leaf } = family();
    world.commit(leaf.state.runId, startTurn(leaf));
    world.commit(leaf.state.runId, completeTurn(leaf, ['ask_user']));
    const { callId = '' } = leaf.state.calls[0] ?? {};
    world.commit(leaf.state.runId, openWaits(waitBody('w1', 'input', { callId })));
    world.deliverAll();
    for (const run of [top, middle]) {
      for (const target of [{ waitId: 'w1' }, { callId }]) {
        const refused = refusalOf(() => world.commit(run.state.runId, answer(target, { value: 1 })));
        expect([refused.code, refused.message.includes(leaf.state.runId)]).toEqual(['invalid_request', true]);
      }
      const [own] = run.state.waits;
      for (const body of [{ value: 1 }, { output: 1 }])
        expect(
          refusalOf(() => world.commit(run.state.runId, answer({ waitId: own?.id ?? '' }, body))).code,
        ).toBe('invalid_request');
    }
  });
});

describe('the end of a parent', () => {
  it.each([
    ['cancelled', cancel({ reason: 'enough' })],
    ['failed', { type: 'fail', error: { code: 'x', message: 'y' } }],
    ['reported done', report({ status: 'succeeded', output: 1 })],
  ] as const)('%s, cancels the runs below', (_how, command) => {
    const { world, top, middle, leaf } = family();
    world.commit(top.state.runId, command);
    world.deliverAll();
    for (const run of [middle, leaf])
      expect(run.events.findLast((event) => event.type === 'run.cancelled')?.data).toMatchObject({
        reason: 'parent_cancelled',
      });
    expect(types(top.events).at(-1)).toBe('child.finished');
    expect([top.state.children, middle.state.children]).toEqual([[], []]);
  });

  it('is not the end of its calls: a retry delegates anew', () => {
    const { world, top, middle } = family();
    world.commit(top.state.runId, { type: 'fail', error: { code: 'x', message: 'y' } });
    world.commit(top.state.runId, retry());
    expect(top.state).toMatchObject({ status: 'running', calls: [{ state: 'ready' }] });
    world.deliverAll();
    expect(middle.state.status).toBe('cancelled');
    world.commit(top.state.runId, world.delegation(top));
    expect(top.state.status).toBe('waiting');
    expect(top.state.children).toHaveLength(1);
    expect(top.state.usage.toolCalls).toBe(1);
  });
});

describe('a child that nobody waits for any more', () => {
  it('is cancelled: superseded by a message', () => {
    const { world, top, middle, leaf } = family();
    world.commit(top.state.runId, message({ onWaiting: 'supersede' }));
    expect(top.state.status).toBe('running');
    world.deliverAll();
    expect([middle.state.status, leaf.state.status]).toEqual(['cancelled', 'cancelled']);
    expect(logOf(top, 'tool.denied', 'tool.completed')).toEqual(['tool.denied']);
  });

  it('is cancelled: its wait has expired', () => {
    const world = treeWorld();
    ask(world, world.root, 'delegate');
    const command = world.delegation(world.root);
    world.commit(world.root.state.runId, { ...command, wait: { ...command.wait, deadlineAt: at(5) } });
    world.tick(10);
    world.commit(world.root.state.runId, expire(command.wait.id));
    world.deliverAll();
    expect(world.runs[1]?.state.status).toBe('cancelled');
  });

  it('that is reopened goes its own way', () => {
    const { world, top, middle } = family();
    world.commit(middle.state.runId, { type: 'fail', error: { code: 'x', message: 'y' } });
    world.deliverAll();
    expect(top.state.status).toBe('running');
    world.commit(middle.state.runId, retry());
    world.commit(top.state.runId, pause());
    world.deliverAll();
    expect([top.state.status, middle.state.status]).toEqual(['paused', 'running']);
    expect(top.state.children).toEqual([]);
  });
});

describe('a fork', () => {
  it('keeps no wait for a child of its original, and makes the call again', () => {
    const { world, top, middle } = family();
    const { sent, state } = world.commit(top.state.runId, {
      type: 'branch',
      by: ANNA,
      reason: null,
      waits: [],
    });
    expect(sent).toEqual([]);
    expect(state).toMatchObject({ waits: [], children: [], calls: [{ state: 'ready' }] });
    expect(middle.state.status).toBe('waiting');
  });
});

describe('a wait for a child without its start in the log', () => {
  it('is resolved by its end all the same, and only once', () => {
    const run = withWaits([{ kind: 'run' }]);
    const finished = {
      type: 'childFinished',
      childRunId: 'child',
      status: 'succeeded',
      output: { a: 1 },
      error: null,
      childSeq: 9,
    } as const;
    expect(types(run.commit(finished).events)).toEqual([
      'child.finished',
      'wait.resolved',
      'tool.completed',
      'turn.completed',
    ]);
    expect(run.commit(finished).events).toEqual([]);
    expect(run.state.calls.map((open) => open.callId)).not.toContain(call(1));
  });
});
