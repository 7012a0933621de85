import type { RunEvent, StreamEndReason } from '@fermata/protocol';
import { sseFrame, type EventStream } from '../../http/sse.ts';

export const HEARTBEAT_FRAME = ': hb\n\n';

const encoded = new WeakMap<RunEvent, readonly string[]>();

/** An event as a frame. All readers of one event share one text. */
export function eventFrames(event: RunEvent): readonly string[] {
  const known = encoded.get(event);
  if (known !== undefined) return known;
  const frames = [sseFrame(event.type, event, event.seq)];
  encoded.set(event, frames);
  return frames;
}

/** The last frame of every stream; after it a client must close. */
export function endFrame(reason: StreamEndReason): string {
  return sseFrame('stream.end', { reason });
}

/** Frames as a stream of the native API. */
export function nativeStream(frames: EventStream['frames']): EventStream {
  return { frames, heartbeatFrame: HEARTBEAT_FRAME, endFrame };
}
