import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { isInFlight } from '../state.ts';
import { CHANGED, type Decision } from './refuse.ts';

/**
 * Turns a copied log into a run of its own. What was in flight in the original is in doubt here; what it waits for
 * is asked again under new ids, so that an answer to one run never reaches the other.
 */
export function branch(draft: Draft, command: CommandOf<'branch'>): Decision {
  const { by, reason } = command;
  if (isInFlight(draft.state)) draft.emit({ type: 'segment.returned', data: { reason: 'forked' } });
  for (const { replaces, body } of command.waits) {
    const old = draft.state.waits.find((wait) => wait.id === replaces);
    if (old === undefined) continue;
    draft.emit({
      type: 'wait.cancelled',
      data: {
        waitId: old.id,
        callId: old.callId,
        resolution: {
          outcome: 'cancelled',
          value: null,
          editedArgs: null,
          reason: 'forked',
          by,
          at: draft.now,
          digestSeen: null,
          digest: old.digest,
          via: 'system',
          remember: null,
        },
      },
    });
    draft.emit({ type: 'wait.opened', data: body });
  }
  for (const hold of [...draft.state.holds]) {
    draft.emit({ type: 'hold.released', data: { name: hold.name, by, reason } });
  }
  draft.emit({ type: 'run.resumed', data: { by, reason } });
  return CHANGED;
}
