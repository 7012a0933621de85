import { canonicalJson, type Hold, type Json, type Limits } from '@fermata/protocol';
import { mergeLimits } from '../apply.ts';
import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { isInFlight } from '../state.ts';
import { CHANGED, UNCHANGED, refuse, type Decision } from './refuse.ts';
import { DAILY_LIMITS, LIMITS, describeDailyLimit, hasPassed, usedOf } from './limits.ts';
import { fence, placeHold } from './settle.ts';

/** The holds that a resume without a name releases; others must be named. */
export const DEFAULT_RELEASE: readonly string[] = ['operator', 'provider', 'budget'];

export function pause(draft: Draft, command: CommandOf<'pause'>): Decision {
  const held = draft.state.holds.find((hold) => hold.name === command.hold);
  const { treeHold, children = [] } = draft.state;
  const tree = command.tree !== false && children.length > 0 ? { tree: true } : {};
  const abortsTree = tree.tree === true && treeHold?.now !== true;
  const aborts = command.at === 'now' && (isInFlight(draft.state) || abortsTree);
  const widens = tree.tree === true && held?.tree !== true;
  if (held !== undefined && !aborts && !widens) return UNCHANGED;
  if (held !== undefined) {
    // The hold says from now on who would not wait for the step, or holds the child runs too.
    const hold = { ...held, ...tree, by: command.by, reason: command.reason ?? held.reason };
    draft.emit({ type: 'hold.placed', data: { hold, at: command.at } });
  } else {
    placeHold(draft, {
      name: command.hold,
      reason: command.reason,
      by: command.by,
      stopClock: command.stopClock,
      at: command.at,
      ...tree,
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
  refuseWhileExhausted(draft, released);
  let changed = setModel(draft, command) || released.length > 0;
  if (command.limits !== null && !budget && changesLimits(draft, command.limits)) {
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

/** An organization's limit is not the run's to raise: released, the hold would be back at the next step. */
function refuseWhileExhausted(draft: Draft, released: readonly Hold[]): void {
  const [reached] = draft.facts.daily ?? [];
  if (reached === undefined || !released.some((hold) => hold.by.id === DAILY_LIMITS.id)) return;
  refuse(draft, 'budget_exhausted', describeDailyLimit(reached));
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

function changesLimits({ state }: Draft, patch: Limits): boolean {
  return canonicalJson(mergeLimits(state.limits, patch) as Json) !== canonicalJson(state.limits as Json);
}

/** The limits that are used up, each raised by its first amount. A deadline that has passed is dropped. */
function grantAgain(draft: Draft): Limits {
  const granted: Limits = {};
  const { limits, firstLimits } = draft.state;
  for (const name of LIMITS) {
    const limit = limits[name] ?? null;
    const used = usedOf(draft, name);
    if (limit === null || used < limit) continue;
    const first = firstLimits[name] ?? limit;
    granted[name] = limit + first * (Math.floor((used - limit) / first) + 1);
  }
  if (hasPassed(draft, limits.deadlineAt)) granted.deadlineAt = null;
  return granted;
}
