import { isTerminal, systemActor, type Actor, type EventOf, type RunEvent } from '@fermata/protocol';
import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import type { WaitState } from '../state.ts';
import { areChildrenStopped, runsOf } from '../tree.ts';
import { mayOpen } from './driving.ts';
import { cancel } from './ending.ts';
import { CHANGED, UNCHANGED, type Decision } from './refuse.ts';
import { fence } from './settle.ts';
import { systemResolution } from './system-resolution.ts';

/** Starts a child run in the commit that opens the wait for it. Like every wait, not under a hold. */
export function delegate(draft: Draft, command: CommandOf<'delegate'>): Decision {
  const { wait, child } = command;
  const { id: waitId, callId } = wait;
  if (callId === null || !mayOpen(draft, wait)) return CHANGED;
  draft.emit({ type: 'wait.opened', data: wait });
  draft.emit({ type: 'child.started', data: { childRunId: child.runId, callId, waitId } });
  draft.started.push(child);
  return CHANGED;
}

/** The parent, or a run above it, is held together with the runs below it. */
export function treeHold(draft: Draft, command: CommandOf<'treeHold'>): Decision {
  const { by, reason, at, stopClock, parentSeq } = command;
  const { state } = draft;
  if (!isBelow(draft, command) || parentSeq <= lastParentSeq(draft)) return UNCHANGED;
  const before = state.holds.find((hold) => hold.name === 'parent');
  const tree = (state.children?.length ?? 0) > 0 ? { tree: true } : {};
  const hold = {
    ...(before ?? { name: 'parent', since: draft.now, stopClock }),
    ...tree,
    by,
    reason,
  };
  const isFirst = state.holds.length === 0;
  draft.emit({ type: 'hold.placed', data: { hold, at, parentSeq } });
  if (isFirst) draft.emit({ type: 'run.pausing', data: { by, reason, hold: 'parent' } });
  if (at === 'now') fence(draft, 'pause_now');
  return CHANGED;
}

/** Takes back what `treeHold` has placed; a hold of that name which somebody placed by hand stays. */
export function treeRelease(draft: Draft, command: CommandOf<'treeRelease'>): Decision {
  const { by, reason, parentSeq } = command;
  if (!isBelow(draft, command) || parentSeq <= lastParentSeq(draft)) return UNCHANGED;
  if (draft.state.byParent?.held !== true) return UNCHANGED;
  draft.emit({ type: 'hold.released', data: { name: 'parent', by, reason, parentSeq } });
  if (draft.state.holds.length === 0) draft.emit({ type: 'run.resumed', data: { by, reason } });
  return CHANGED;
}

/** Nobody waits for the run any more. */
export function treeCancel(draft: Draft, command: CommandOf<'treeCancel'>): Decision {
  const { by, reason } = command;
  return isBelow(draft, command) ? cancel(draft, { type: 'cancel', by, reason }) : UNCHANGED;
}

/** A copied log names the children of its original, which are not the copy's; a reopened run goes its own way. */
function isBelow({ state }: Draft, { parentId }: { parentId: string }): boolean {
  return state.parentId === parentId && state.leftTree !== true;
}

function lastParentSeq({ state }: Draft): number {
  return state.byParent?.seq ?? 0;
}

/** What the child told last is what the run shows. */
export function childChanged(draft: Draft, { type: _type, ...data }: CommandOf<'childChanged'>): Decision {
  const child = draft.state.children?.find((known) => known.runId === data.childRunId);
  if (child === undefined || data.childSeq <= child.seq) return UNCHANGED;
  draft.emit({ type: 'child.changed', data });
  return CHANGED;
}

/** The child's end is the result of the call that started it, if that is still waited for. */
export function childFinished(draft: Draft, { type: _type, ...data }: CommandOf<'childFinished'>): Decision {
  const { childRunId, status, output, error } = data;
  const wait = draft.state.waits.find((open) => open.childRunId === childRunId);
  const isKnown = draft.state.children?.some((child) => child.runId === childRunId) === true;
  if (wait === undefined && !isKnown) return UNCHANGED;
  draft.emit({ type: 'child.finished', data });
  if (wait === undefined) return CHANGED;
  const by: Actor = { type: 'agent', id: childRunId, name: 'child run' };
  const reason = status === 'succeeded' ? null : (error?.message ?? `the child run was ${status}`);
  const resolution = systemResolution(draft, wait, { outcome: 'finished', value: output, reason, by });
  const { id: waitId, callId, tool } = wait;
  draft.emit({ type: 'wait.resolved', data: { waitId, callId, resolution } });
  if (callId === null || tool === null) return CHANGED;
  if (status === 'succeeded') {
    draft.emit({ type: 'tool.completed', data: { callId, tool, output, by } });
  } else if (status === 'cancelled') {
    draft.emit({ type: 'tool.denied', data: { callId, tool, reason, by, outcome: 'cancelled' } });
  } else {
    const failure = { code: 'child_failed', message: reason ?? 'the child run failed' };
    draft.emit({ type: 'tool.failed', data: { callId, tool, error: failure, by } });
  }
  return CHANGED;
}

/** What matters for the runs below, as it was before a command. */
export interface TreeBefore {
  held: boolean;
  /** Open waits for child runs. */
  waits: readonly WaitState[];
  /** How many events the draft had. */
  events: number;
}

export function treeBefore({ state, events }: Draft): TreeBefore {
  const waits = state.children === undefined ? [] : state.waits.filter((wait) => wait.kind === 'run');
  return { held: state.treeHold !== undefined, waits, events: events.length };
}

/** What a command means for the runs below: they are held, released, cancelled, or known to have stopped. */
export function settleTree(draft: Draft, before: TreeBefore): void {
  if (draft.state.children === undefined) return;
  const events = draft.events.slice(before.events);
  if (!isTerminal(draft.state.status)) passHoldOn(draft, before.held, events);
  cancelUnwaited(draft, before.waits, events);
  const { state } = draft;
  if (state.status !== 'paused' || state.treeHold?.announced !== false || !areChildrenStopped(state)) return;
  draft.emit({ type: 'tree.paused', data: { runs: runsOf(state) } });
}

function passHoldOn(draft: Draft, wasHeld: boolean, events: readonly RunEvent[]): void {
  const placed = events.findLast((event) => event.type === 'hold.placed' && event.data.hold.tree === true);
  const isHeld = draft.state.treeHold !== undefined;
  const { runId: parentId, head: parentSeq } = draft.state;
  if (isHeld && placed?.type === 'hold.placed' && (!wasHeld || placed.data.at === 'now')) {
    const { hold, at } = placed.data;
    const { by, reason, stopClock } = hold;
    for (const { runId } of draft.state.children ?? [])
      draft.send(runId, { type: 'treeHold', parentId, by, reason, at, stopClock, parentSeq });
  }
  if (isHeld || !wasHeld) return;
  const released = events.findLast((event) => event.type === 'hold.released');
  const { by, reason } = released?.data ?? { by: systemActor('tree'), reason: null };
  for (const { runId } of draft.state.children ?? [])
    draft.send(runId, { type: 'treeRelease', parentId, by, reason, parentSeq });
}

/** A child whose result nobody waits for any more is cancelled; one that has given it is known no more. */
function cancelUnwaited(draft: Draft, waits: readonly WaitState[], events: readonly RunEvent[]): void {
  for (const event of events) {
    if (!isClosing(event)) continue;
    const { waitId, resolution } = event.data;
    const childRunId = waits.find((wait) => wait.id === waitId)?.childRunId;
    if (typeof childRunId !== 'string') continue;
    if (draft.state.children?.some((child) => child.runId === childRunId) !== true) continue;
    const { runId: parentId, status } = draft.state;
    const reason = isTerminal(status) ? 'parent_cancelled' : `parent_${resolution.outcome}`;
    draft.send(childRunId, { type: 'treeCancel', parentId, by: resolution.by, reason });
  }
}

type Closing = EventOf<'wait.resolved' | 'wait.expired' | 'wait.superseded' | 'wait.cancelled'>;

function isClosing(event: RunEvent): event is Closing {
  return ['wait.resolved', 'wait.expired', 'wait.superseded', 'wait.cancelled'].includes(event.type);
}
