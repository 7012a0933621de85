import { badRequest } from './errors.ts';
import { FRAMES_PER_EVENT } from './events.ts';

/** A number that no frame's `seq` has reached: frames after it are sent. 0: from the beginning. */
export type FrameCursor = number;

/**
 * Where a stream goes on: `<seq>-<n>`, the id of a frame, or its integer `seq`. The header wins over the query.
 * Throws the wire's 400 for anything else.
 */
export function readCursor(header: string | undefined, query: string | null): FrameCursor {
  const given = header !== undefined && header !== '' ? header : (query ?? '');
  if (given === '') return 0;
  const id = /^(\d{1,13})-(\d{1,4})$/.exec(given);
  if (id !== null) return Number(id[1]) * FRAMES_PER_EVENT + Math.min(Number(id[2]), FRAMES_PER_EVENT - 1);
  if (/^\d{1,15}$/.test(given)) return Number(given);
  throw badRequest('Invalid last_event_id');
}
