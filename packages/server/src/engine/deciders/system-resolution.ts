import type { Actor, Json, Resolution } from '@fermata/protocol';
import type { Draft } from '../draft.ts';
import type { WaitState } from '../state.ts';

/** How a wait ends that nobody answers: by the clock, a message, a child's end, a late outcome, or the run's own end. */
export function systemResolution(
  { now }: Pick<Draft, 'now'>,
  { digest }: Pick<WaitState, 'digest'>,
  { outcome, value = null, reason, by }: { outcome: string; value?: Json; reason: string | null; by: Actor },
): Resolution {
  return {
    outcome,
    value,
    editedArgs: null,
    reason,
    by,
    at: now,
    digestSeen: null,
    digest,
    via: 'system',
    remember: null,
  };
}
