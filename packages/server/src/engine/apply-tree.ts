import type { EventOf } from '@fermata/protocol';
import type { RunState } from './state.ts';

type ChildEvent = EventOf<'tree.paused' | 'child.started' | 'child.changed' | 'child.finished'>;

/** What a run's log says of the runs below it. */
export function applyChild(state: RunState, event: ChildEvent): void {
  const children = state.children ?? [];
  switch (event.type) {
    case 'tree.paused':
      if (state.treeHold !== undefined) state.treeHold = { ...state.treeHold, announced: true };
      return;
    case 'child.started': {
      const { childRunId: runId } = event.data;
      const fresh = { seq: 0, stopped: false, parentSeq: 0, runs: 1 };
      state.children = [...children, { runId, status: 'queued', openWaits: [], ...fresh }];
      return;
    }
    case 'child.changed': {
      const { childRunId, status, openWaits, childSeq, treeStopped, runs, parentSeq } = event.data;
      const told = { status, openWaits, seq: childSeq, stopped: treeStopped ?? false, runs: runs ?? 1 };
      if (state.children === undefined) return;
      state.children = children.map((child) =>
        child.runId === childRunId ? { ...child, ...told, parentSeq: parentSeq ?? 0 } : child,
      );
      return;
    }
    case 'child.finished':
      if (state.children === undefined) return;
      state.children = children.filter((child) => child.runId !== event.data.childRunId);
      return;
  }
}

/** After the holds have changed: whether the child runs are held too, and what the parent did. */
export function noteHold(state: RunState, event: EventOf<'hold.placed' | 'hold.released'>): void {
  if (!state.holds.some((hold) => hold.tree === true)) delete state.treeHold;
  else state.treeHold ??= { seq: event.seq, announced: false, now: false };
  if (state.treeHold !== undefined && event.type === 'hold.placed' && event.data.at === 'now')
    state.treeHold = { ...state.treeHold, now: true };
  const { parentSeq } = event.data;
  const held = event.type === 'hold.placed';
  if (parentSeq !== undefined) state.byParent = { seq: parentSeq, held };
  else if (!held && event.data.name === 'parent' && state.byParent !== undefined)
    state.byParent = { ...state.byParent, held };
}

/** Whoever waited for the run has its result: it is not part of that tree any more. */
export function noteReopening(state: RunState): void {
  delete state.treeHold;
  if (state.parentId !== null) state.leftTree = true;
}

/** The children that a copied log names are those of its original. */
export function forgetChildren(state: RunState): void {
  if (state.children !== undefined) state.children = [];
}
