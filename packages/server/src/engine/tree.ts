import {
  canonicalJson,
  cutText,
  isTerminal,
  type EventData,
  type Json,
  type OpenWait,
  type RunError,
  type RunEvent,
} from '@fermata/protocol';
import type { Sent, SentCommand } from './outbox.ts';
import type { RunState } from './state.ts';

/** Runs above a run that may delegate: one that has as many above it may not. */
export const MAX_DEPTH = 8;
/** A report names no more: it must fit into an event at every level of the tree. */
const MAX_REPORTED_WAITS = 200;
/** A larger output is told by its beginning; all of it stands in the child run. */
const MAX_REPORTED_BYTES = 100_000;
const PREVIEW_LENGTH = 4_000;

/** What the run itself waits for. */
export function ownOpenWaits(state: RunState): OpenWait[] {
  const { runId } = state;
  return state.waits.map(({ id, kind, callId, tool, since, deadlineAt }) => ({
    id,
    runId,
    kind,
    callId,
    tool,
    since,
    deadlineAt,
  }));
}

/** What the run waits for, and what the runs below it wait for. */
export function openWaitsOf(state: RunState): OpenWait[] {
  return [...ownOpenWaits(state), ...(state.children ?? []).flatMap((child) => child.openWaits)];
}

/** Every run below it has acted on the hold that is on now, and is paused or has ended. */
export function areChildrenStopped({ children = [], treeHold }: RunState): boolean {
  const since = treeHold?.seq ?? Infinity;
  return children.every((child) => child.stopped && child.parentSeq >= since);
}

/** Runs of the tree that have not ended, the run itself included. */
export function runsOf({ children = [] }: RunState): number {
  return 1 + children.reduce((sum, child) => sum + child.runs, 0);
}

/**
 * What a commit on a child run tells its parent: its end, or what has changed of what the parent shows and waits
 * for. Null when there is nothing to tell. `before` is the state without the events of the commit.
 */
export function reportToParent(before: RunState, after: RunState, events: readonly RunEvent[]): Sent | null {
  const { parentId } = after;
  if (parentId === null || after.leftTree === true || isTerminal(before.status)) return null;
  const command = isTerminal(after.status) ? childFinished(after, events) : childChanged(before, after);
  return command === null ? null : { runId: parentId, senderSeq: after.head, command };
}

function childChanged(before: RunState, after: RunState): SentCommand | null {
  const report = reportOf(after);
  if (canonicalJson(report as unknown as Json) === canonicalJson(reportOf(before) as unknown as Json))
    return null;
  return { type: 'childChanged', childRunId: after.runId, childSeq: after.head, ...report };
}

function reportOf(state: RunState): Omit<EventData<'child.changed'>, 'childRunId' | 'childSeq'> {
  const treeStopped = state.status === 'paused' && areChildrenStopped(state);
  return {
    status: state.status,
    openWaits: openWaitsOf(state).slice(0, MAX_REPORTED_WAITS),
    treeStopped,
    runs: runsOf(state),
    // Of interest only where it may be what the parent's pause waits for.
    ...(treeStopped ? { parentSeq: state.byParent?.seq ?? 0 } : {}),
  };
}

function childFinished(state: RunState, events: readonly RunEvent[]): SentCommand {
  const base = { type: 'childFinished' as const, childRunId: state.runId, childSeq: state.head };
  const { status } = state;
  for (const event of events.toReversed()) {
    if (event.type === 'run.succeeded')
      return { ...base, status, output: fitting(event.data.output), error: null };
    if (event.type === 'run.failed')
      return { ...base, status, output: fitting(event.data.output), error: brief(event.data.error) };
  }
  return { ...base, status, output: null, error: null };
}

function brief({ code, message }: RunError): RunError {
  return { code, message: cutText(message, PREVIEW_LENGTH)[0] };
}

function fitting(output: Json | null): Json | null {
  const text = JSON.stringify(output);
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes <= MAX_REPORTED_BYTES) return output;
  const [preview = ''] = cutText(typeof output === 'string' ? output : text, PREVIEW_LENGTH);
  return { truncated: true, sizeBytes, preview };
}
