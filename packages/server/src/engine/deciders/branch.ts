import type { Actor } from '@fermata/protocol';
import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { isInFlight, isOrphaned } from '../state.ts';
import type { Decision } from './refuse.ts';
import { systemResolution } from './system-resolution.ts';

/**
 * Turns a copied log into a run of its own. What was in flight in the original is in doubt here; what it waits for
 * is asked again under new ids, so that an answer to one run never reaches the other.
 */
export function branch(draft: Draft, command: CommandOf<'branch'>): Decision {
  const { by, reason } = command;
  const { state } = draft;
  // Its child runs are the original's: it delegates anew.
  const delegated = state.waits.filter((wait) => wait.kind === 'run').map((wait) => wait.id);
  const isCut =
    isInFlight(state) ||
    delegated.length > 0 ||
    (state.children?.length ?? 0) > 0 ||
    state.calls.some((call) => isOrphaned(state, call));
  if (isCut) draft.emit({ type: 'segment.returned', data: { reason: 'forked' } });
  for (const waitId of delegated) closeCopied(draft, waitId, by);
  for (const { replaces, body } of command.waits) {
    if (closeCopied(draft, replaces, by)) draft.emit({ type: 'wait.opened', data: body });
  }
  const held = [...draft.state.holds];
  for (const hold of held) {
    draft.emit({ type: 'hold.released', data: { name: hold.name, by, reason } });
  }
  if (held.length > 0) draft.emit({ type: 'run.resumed', data: { by, reason } });
  return { changed: isCut || held.length > 0 || command.waits.length > 0 };
}

/** False: there is no such wait, or it was closed before. */
function closeCopied(draft: Draft, waitId: string, by: Actor): boolean {
  const old = draft.state.waits.find((wait) => wait.id === waitId);
  if (old === undefined) return false;
  const resolution = systemResolution(draft, old, { outcome: 'cancelled', reason: 'forked', by });
  draft.emit({ type: 'wait.cancelled', data: { waitId: old.id, callId: old.callId, resolution } });
  return true;
}
