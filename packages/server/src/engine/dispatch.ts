import type { RunEvent } from '@fermata/protocol';
import { CRASH_LOOP_AFTER, SUSPECT_AFTER } from './deciders/driving.ts';
import { dueAt, type RunState } from './state.ts';

/** Who drives the run, and when it wants to be driven. Not part of the log, nor of its fold. */
export interface Dispatch {
  /** Fencing number: each segment owns one. */
  epoch: number;
  /** Executor id and a random token, `<executor id>:<token>`; null when nobody drives. */
  claim: string | null;
  executorId: string | null;
  /** RFC 3339; `infinity` while the run waits for room in its organization; null when it is not due. */
  dueAt: string | null;
  /** Deaths in a row without a committed step, and the claim that has not come to one yet. */
  attempts: number;
}

export const UNDISPATCHED: Dispatch = { epoch: 0, claim: null, executorId: null, dueAt: null, attempts: 0 };

/** What this process answers when a run has just become due: it has room, another must do it, or nobody may. */
export type Offer =
  | { kind: 'claim'; executorId: string; claim: string }
  | { kind: 'job' }
  | { kind: 'full'; why: 'organization' };

/** What a commit does to dispatch, beyond what its events say. */
export interface DispatchCause {
  /** A `claim` command: take the run. */
  take: { executorId: string; claim: string } | null;
  /** The segment has committed a step: it is not in a crash loop. */
  progressed: boolean;
  /** Not to be driven before (a run given back for a while), ms from now. */
  delayMs: number;
}

export interface Redispatched {
  dispatch: Dispatch;
  /** A `drive` job to add, with its run-at; null when none is needed. */
  job: { runAt: string } | null;
  /** This process has claimed the run in this very commit and must start its segment. */
  claimed: boolean;
}

const SUSPECT_DELAYS_MS = [1_000, 5_000, 25_000];

/**
 * The dispatch state after a commit. A run that is not due is nobody's; waking a parked run raises the epoch;
 * so does everything that takes a run from its segment.
 */
export function redispatch(
  before: Dispatch,
  state: RunState,
  events: readonly RunEvent[],
  cause: DispatchCause,
  offer: () => Offer,
): Redispatched {
  const fencing = events.find((event) => event.type === 'segment.returned' || event.type === 'segment.lost');
  let { epoch, claim, executorId, attempts } = before;
  if (cause.progressed || events.some(forgivesDeaths)) attempts = 0;
  const due = dueAt(state);
  // A segment that gave the run back, or parked it, is no death, though it may not have come to a step.
  const isOrderly =
    fencing === undefined ? due === null && claim !== null : fencing.type === 'segment.returned';
  if (isOrderly && attempts > 0) attempts -= 1;
  if (fencing !== undefined) {
    epoch += 1;
    claim = null;
    executorId = null;
  }
  if (due === null) {
    return {
      dispatch: { epoch, claim: null, executorId: null, dueAt: null, attempts },
      job: null,
      claimed: false,
    };
  }
  if (cause.take !== null) {
    const { claim: token, executorId: taker } = cause.take;
    const dispatch = {
      epoch,
      claim: token,
      executorId: taker,
      dueAt: before.dueAt === null || before.dueAt === 'infinity' ? due : before.dueAt,
      attempts: attempts + 1,
    };
    return { dispatch, job: null, claimed: true };
  }
  if (claim !== null) {
    return {
      dispatch: { epoch, claim, executorId, dueAt: before.dueAt ?? due, attempts },
      job: null,
      claimed: false,
    };
  }
  const waiting = fencing === undefined && before.dueAt !== null && before.dueAt !== 'infinity';
  if (waiting && cause.delayMs === 0) {
    return { dispatch: { ...before, attempts }, job: null, claimed: false };
  }
  if (fencing === undefined) epoch += 1;
  return wake({ epoch, claim: null, executorId: null, dueAt: due, attempts }, state.at, cause.delayMs, offer);
}

function wake(dispatch: Dispatch, now: string, delayMs: number, offer: () => Offer): Redispatched {
  const delay = Math.max(delayMs, suspectDelayMs(dispatch.attempts));
  const soonest = delay > 0 ? new Date(Date.parse(now) + delay).toISOString() : now;
  const dueAt = dispatch.dueAt !== null && dispatch.dueAt > soonest ? dispatch.dueAt : soonest;
  const answer: Offer = dueAt > now ? { kind: 'job' } : offer();
  switch (answer.kind) {
    case 'claim': {
      const { claim, executorId } = answer;
      const attempts = dispatch.attempts + 1;
      return { dispatch: { ...dispatch, dueAt, claim, executorId, attempts }, job: null, claimed: true };
    }
    case 'full':
      return { dispatch: { ...dispatch, dueAt: 'infinity' }, job: null, claimed: false };
    case 'job':
      return { dispatch: { ...dispatch, dueAt }, job: { runAt: dueAt }, claimed: false };
  }
}

/** A run whose segments keep dying is driven ever later, until a hold is put on it. */
function suspectDelayMs(attempts: number): number {
  if (attempts < SUSPECT_AFTER || attempts >= CRASH_LOOP_AFTER + SUSPECT_DELAYS_MS.length) return 0;
  return SUSPECT_DELAYS_MS[Math.min(attempts - SUSPECT_AFTER, SUSPECT_DELAYS_MS.length - 1)] ?? 0;
}

/** Somebody has looked at the run and lets it go on. */
function forgivesDeaths(event: RunEvent): boolean {
  return event.type === 'run.reopened' || (event.type === 'hold.released' && event.data.name === 'policy');
}
