import type { ErrorCode, PlanStep } from '@fermata/protocol';
import type { Draft } from '../draft.ts';
import { EngineError, type ErrorDetails } from '../errors.ts';
import { ownOpenWaits } from '../tree.ts';

/** What a decider answers: it changed something or not, and where its own event stands. */
export interface Decision {
  changed: boolean;
  seq?: number;
  /** Of a change of the plan: the steps that it names, as they stand after it. */
  steps?: PlanStep[];
}
export const CHANGED: Decision = { changed: true };
export const UNCHANGED: Decision = { changed: false };

/** A refusal that tells the current status and what stands in the way. */
export function refuse(draft: Draft, code: ErrorCode, message: string, details: ErrorDetails = {}): never {
  const { state } = draft;
  throw new EngineError(code, message, {
    currentStatus: state.status,
    ...(state.holds.length > 0 ? { holds: state.holds } : {}),
    ...(state.waits.length > 0
      ? {
          openWaits: ownOpenWaits(state),
        }
      : {}),
    ...details,
  });
}

/** The command does not go with this status; `instead` is what the caller could do. */
export function refuseTransition(verb: string, instead: string): (draft: Draft) => never {
  return (draft) =>
    refuse(draft, 'invalid_transition', `a run that is ${draft.state.status} cannot be ${verb}; ${instead}`);
}

/** The driver was too late: it must look at the run again. */
export function stale(draft: Draft, what: string): never {
  throw new EngineError('invalid_transition', `stale: ${what}`, { currentStatus: draft.state.status });
}
