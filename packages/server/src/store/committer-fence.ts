import { EVENT_VERSION, systemActor, type RunEvent } from '@fermata/protocol';
import { apply } from '../engine/apply.ts';
import type { CommitRequest } from '../engine/commit.ts';
import type { Dispatch, DispatchCause } from '../engine/dispatch.ts';
import { Fenced } from '../engine/errors.ts';
import type { NewRun } from '../engine/new-run.ts';
import type { RunState } from '../engine/state.ts';
import type { Working } from './committer-projection.ts';

/** The first claim starts the run, also when it is written in the commit that made the run due. */
export function startOnClaim(state: RunState, now: string): RunEvent[] {
  if (state.startedAt !== null) return [];
  const at = now > state.at ? now : state.at;
  const { runId, head } = state;
  const by = systemActor('driver');
  const event: RunEvent = { runId, seq: head + 1, type: 'run.started', at, v: EVENT_VERSION, data: { by } };
  apply(state, event);
  return [event];
}

/** A segment, a claim or the sweep acts on what it has seen: what has moved on since refuses it. */
export function checkFence(
  { segment, take, expect }: Exclude<CommitRequest, { create: NewRun }>,
  run: Pick<Working, 'dispatch'>,
): void {
  const { epoch, claim, dueAt } = run.dispatch;
  if (segment !== undefined && (segment.epoch !== epoch || segment.claim !== claim)) {
    throw new Fenced('the run has another segment, or none');
  }
  if (
    take !== undefined &&
    (claim !== null || dueAt === null || (take.epoch !== null && take.epoch !== epoch))
  ) {
    throw new Fenced('the run is claimed, not due, or of another epoch');
  }
  if (expect !== undefined && (expect.epoch !== epoch || expect.claim !== claim)) {
    throw new Fenced('the run has moved on');
  }
}

/** What a request means for who drives the run. */
export function causeOf({
  commands,
  take,
  segment,
}: Exclude<CommitRequest, { create: NewRun }>): DispatchCause {
  let progressed = false;
  let delayMs = 0;
  for (const command of commands) {
    if (command.type === 'giveBack') delayMs = Math.max(delayMs, command.afterMs);
    if (segment !== undefined && PROGRESS.has(command.type)) progressed = true;
  }
  return { take: take === undefined ? null : take, progressed, delayMs };
}

/** The commands by which a segment shows that it gets on: a step's outcome is committed. */
const PROGRESS: ReadonlySet<string> = new Set([
  'completeTurn',
  'failTurn',
  'completeCall',
  'failCall',
  'openWaits',
  'delegate',
  'startStep',
  'completeStep',
  'skipStep',
  'failStep',
  'finish',
]);

/** Nothing of it would be written. */
export function sameDispatch(a: Dispatch, b: Dispatch): boolean {
  return (
    a.epoch === b.epoch &&
    a.claim === b.claim &&
    a.executorId === b.executorId &&
    a.dueAt === b.dueAt &&
    a.attempts === b.attempts
  );
}
