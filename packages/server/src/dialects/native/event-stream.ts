import type { EventType, Until } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import { isOverWhen, openRunStream } from '../../http/run-stream.ts';
import type { EventStream } from '../../http/sse.ts';
import { eventFrames, nativeStream } from './frames.ts';

/** A run's log as the native API streams it. Throws `not_found` and `cursor_ahead` before anything is sent. */
export async function openEventStream(request: {
  engine: Engine;
  caller: Caller;
  runId: string;
  after: number;
  until: Until | undefined;
  types?: readonly EventType[] | undefined;
  signal: AbortSignal;
}): Promise<EventStream> {
  const { types, until, ...rest } = request;
  const wanted = types === undefined ? null : new Set<EventType>(types);
  const frames = await openRunStream({
    ...rest,
    encode: (event) => (wanted === null || wanted.has(event.type) ? eventFrames(event) : []),
    isOver: isOverWhen(until),
  });
  return nativeStream(frames);
}
