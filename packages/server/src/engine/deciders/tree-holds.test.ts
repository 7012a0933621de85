import { describe, expect, it } from 'vitest';
import { fold } from '../apply.ts';
import { BEN, cancel, completeTurn, pause, resume, startTurn } from '../commands.fixture.ts';
import { types } from '../run.fixture.ts';
import { family, type TreeRun } from '../tree.fixture.ts';

function logOf(run: TreeRun, ...wanted: string[]): string[] {
  return types(run.events).filter((type) => wanted.includes(type));
}

describe('pausing a tree', () => {
  it('holds every run below, and says so once when the last has stopped', () => {
    const { world, top, middle, leaf } = family();
    world.commit(leaf.state.runId, startTurn(leaf));
    world.commit(top.state.runId, pause({ reason: 'lunch', by: BEN }));
    expect(top.state).toMatchObject({ status: 'paused', holds: [{ name: 'operator', tree: true }] });
    world.deliverAll();
    expect(middle.state).toMatchObject({
      status: 'paused',
      holds: [{ name: 'parent', by: BEN, reason: 'lunch' }],
    });
    expect(leaf.state.status).toBe('pausing');
    expect(logOf(top, 'tree.paused')).toEqual([]);
    world.commit(leaf.state.runId, completeTurn(leaf, ['tool']));
    world.deliverAll();
    expect(top.events.at(-1)).toMatchObject({ type: 'tree.paused', data: { runs: 3 } });
    expect(logOf(middle, 'tree.paused')).toHaveLength(1);
    expect(world.commit(top.state.runId, pause()).events).toEqual([]);
    for (const run of world.runs) expect(fold(run.events)).toEqual(run.state);
  });

  it('now aborts the steps of all, also when the runs were being paused already', () => {
    const { world, top, leaf } = family();
    world.commit(leaf.state.runId, startTurn(leaf));
    world.commit(top.state.runId, pause());
    world.deliverAll();
    expect(leaf.state.status).toBe('pausing');
    world.commit(top.state.runId, pause({ at: 'now' }));
    world.deliverAll();
    expect(leaf.state.status).toBe('paused');
    expect(logOf(top, 'tree.paused')).toHaveLength(1);
    expect(world.commit(top.state.runId, pause({ at: 'now' })).events).toEqual([]);
  });

  it('and resuming it releases what the pause has placed, and nothing else', () => {
    const { world, top, middle, leaf } = family();
    world.commit(leaf.state.runId, pause({ hold: 'review' }));
    world.commit(top.state.runId, pause());
    world.deliverAll();
    expect(leaf.state.holds.map((hold) => hold.name)).toEqual(['review', 'parent']);
    world.commit(top.state.runId, resume());
    world.deliverAll();
    expect([middle.state.status, leaf.state.status]).toEqual(['waiting', 'paused']);
    expect(leaf.state.holds.map((hold) => hold.name)).toEqual(['review']);
  });

  it('keeps the runs below held as long as one of the holds above stands', () => {
    const { world, top, middle, leaf } = family();
    world.commit(middle.state.runId, pause());
    world.commit(top.state.runId, pause());
    world.deliverAll();
    world.commit(top.state.runId, resume());
    world.deliverAll();
    expect([top.state.status, middle.state.status, leaf.state.status]).toEqual([
      'waiting',
      'paused',
      'paused',
    ]);
    world.commit(middle.state.runId, resume());
    world.deliverAll();
    expect(leaf.state.holds).toEqual([]);
  });

  it('leaves them alone when told so, until a later pause takes them in', () => {
    const { world, top, middle } = family();
    world.commit(top.state.runId, pause({ tree: false }));
    world.deliverAll();
    expect([top.state.status, middle.state.status]).toEqual(['paused', 'waiting']);
    expect(logOf(top, 'tree.paused')).toEqual([]);
    expect(world.commit(top.state.runId, pause()).decisions).toEqual([{ changed: true }]);
    world.deliverAll();
    expect(middle.state.status).toBe('paused');
  });

  it('is not taken for done by what the runs below said about an earlier pause', () => {
    const { world, top, middle, leaf } = family();
    world.commit(top.state.runId, pause());
    world.deliver(middle.state.runId);
    world.deliver(leaf.state.runId);
    world.deliver(middle.state.runId);
    // Both have stopped, and have said so; before that is heard, the tree goes on and is paused again.
    world.commit(top.state.runId, resume());
    world.commit(top.state.runId, pause({ hold: 'second' }));
    while (world.outbox.some((row) => row.runId === top.state.runId)) world.deliver(top.state.runId);
    expect(logOf(top, 'tree.paused')).toEqual([]);
    world.deliverAll();
    expect(logOf(top, 'tree.paused')).toHaveLength(1);
  });

  it('counts a run that has ended as stopped', () => {
    const { world, top, middle } = family();
    world.commit(top.state.runId, pause());
    world.commit(middle.state.runId, cancel());
    world.deliverAll();
    expect(top.events.at(-1)).toMatchObject({ type: 'tree.paused', data: { runs: 1 } });
    expect(top.state.status).toBe('paused');
  });

  it('leaves a hold `parent` that somebody placed by hand', () => {
    const { world, top, leaf } = family();
    world.commit(leaf.state.runId, pause({ hold: 'parent' }));
    world.commit(top.state.runId, resume());
    world.deliverAll();
    expect(leaf.state.holds.map((hold) => hold.name)).toEqual(['parent']);
  });
});
