import type { CountingLimit, Limits } from '@fermata/protocol';
import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { isInFlight } from '../state.ts';
import { CHANGED, UNCHANGED, refuse, type Decision } from './refuse.ts';
import { fence, placeHold, reachedLimit } from './settle.ts';

/** The holds that a resume without a name releases; others must be named. */
export const DEFAULT_RELEASE: readonly string[] = ['operator', 'provider', 'budget'];

export function pause(draft: Draft, command: CommandOf<'pause'>): Decision {
  const held = draft.state.holds.some((hold) => hold.name === command.hold);
  const aborts = command.at === 'now' && isInFlight(draft.state);
  if (held && !aborts) return UNCHANGED;
  if (!held) {
    placeHold(draft, {
      name: command.hold,
      reason: command.reason,
      by: command.by,
      stopClock: command.stopClock,
      at: command.at,
    });
  }
  if (command.at === 'now') fence(draft, 'pause_now');
  return CHANGED;
}

export function resume(draft: Draft, command: CommandOf<'resume'>): Decision {
  const { holds } = draft.state;
  const released = holds.filter((hold) =>
    command.hold === null ? DEFAULT_RELEASE.includes(hold.name) : hold.name === command.hold,
  );
  if (released.length === 0 && holds.length > 0 && command.hold === null) {
    const names = holds.map((hold) => hold.name).join(', ');
    refuse(draft, 'held', `the run is held by ${names}; name the hold to release it`);
  }
  const budget = released.some((hold) => hold.name === 'budget');
  let changed = setModel(draft, command) || released.length > 0;
  if (command.limits !== null && !budget) {
    draft.emit({
      type: 'run.updated',
      data: { by: command.by, limits: command.limits, reason: command.reason },
    });
    changed = true;
  }
  for (const hold of released) {
    const granted = hold.name === 'budget' ? (command.limits ?? grantAgain(draft)) : undefined;
    draft.emit({
      type: 'hold.released',
      data: {
        name: hold.name,
        by: command.by,
        reason: command.reason,
        ...(granted === undefined ? {} : { granted }),
      },
    });
  }
  if (released.length > 0 && draft.state.holds.length === 0) {
    draft.emit({ type: 'run.resumed', data: { by: command.by, reason: command.reason } });
  }
  return { changed };
}

/** A model that a resume or message names is used from the next turn on. */
export function setModel(
  draft: Draft,
  command: Pick<CommandOf<'resume'>, 'by' | 'model' | 'reason'>,
): boolean {
  if (command.model === null || command.model === draft.state.model) return false;
  draft.emit({ type: 'run.updated', data: { by: command.by, model: command.model, reason: command.reason } });
  return true;
}

/** The limits that are used up, each raised by its first amount. A deadline that has passed is dropped. */
function grantAgain(draft: Draft): Limits {
  const granted: Limits = {};
  const { limits, firstLimits } = draft.state;
  for (let limit = nextReached(draft, granted); limit !== null; limit = nextReached(draft, granted)) {
    granted[limit] = (granted[limit] ?? limits[limit] ?? 0) + (firstLimits[limit] ?? limits[limit] ?? 1);
  }
  if (limits.deadlineAt !== undefined && limits.deadlineAt !== null && limits.deadlineAt <= draft.now) {
    granted.deadlineAt = null;
  }
  return granted;
}

function nextReached(draft: Draft, granted: Limits): CountingLimit | null {
  const trial: Draft = { ...draft, state: { ...draft.state, limits: { ...draft.state.limits, ...granted } } };
  return reachedLimit(trial, 'any');
}
