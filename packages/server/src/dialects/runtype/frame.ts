import type { JsonObject } from '@fermata/protocol';
import { sseFrame } from '../../http/sse.ts';
import { invalidMember } from './errors.ts';

/** The number `seq` of a payload is the log's seq times this, and a counter of the frames of one event. */
export const FRAMES_PER_EVENT = 100;

/** What a frame says, before it has its place. */
export type FrameDraft = { type: string } & JsonObject;

/** One frame of the unified stream. */
export interface Frame extends FrameDraft {
  executionId: string;
  seq: number;
}

/** A place among the frames of an execution: the log's seq times `FRAMES_PER_EVENT`, and the counter. */
export type FrameCursor = number;

/** Where frames stand that no event has made: at the last one before them, whose id they repeat. */
export function cursorAfter(seq: number): FrameCursor {
  return seq * FRAMES_PER_EVENT + FRAMES_PER_EVENT - 1;
}

/** A draft at its place; the members of the envelope come first. */
export function placed({ type, ...rest }: FrameDraft, executionId: string, cursor: FrameCursor): Frame {
  return { type, executionId, seq: cursor, ...rest };
}

/** As text: LF only, `event:` and `type` the same, one `data:` line. Source: wire section 3. */
export function frameText(frame: Frame): string {
  return sseFrame(frame.type, frame, frameId(frame.seq));
}

/** `<seq>.<n>` */
export function frameId(cursor: FrameCursor): string {
  return `${Math.floor(cursor / FRAMES_PER_EVENT)}.${cursor % FRAMES_PER_EVENT}`;
}

/** Where a reader goes on: an `id:`, or the `seq` of a payload. Absent or empty: from the beginning (-1). */
export function readCursor(given: string | null | undefined): FrameCursor {
  if (given === undefined || given === null || given === '') return -1;
  const id = /^(\d{1,13})\.(\d{1,2})$/.exec(given);
  if (id !== null) return Number(id[1]) * FRAMES_PER_EVENT + Number(id[2]);
  if (/^\d{1,15}$/.test(given)) return Number(given);
  throw invalidMember('after', 'expected the id of a frame');
}
