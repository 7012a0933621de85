import type { EventType, RunEvent, Until } from '@fermata/protocol';
import { FermataError } from './errors.ts';
import { pause } from './retry.ts';
import { followStream, parseFrame, type Connection, type Frame, type StreamOptions } from './stream.ts';
import type { Transport } from './transport.ts';

/** A gap that is still there after this many reconnects is a fault of the server, not of the way. */
const MAX_GAPS = 3;

export interface WatchOptions extends StreamOptions {
  /** Events whose seq is greater; default 0, the whole log. */
  after?: number | undefined;
  /** When to end: `finished`, or `parked` (paused, waiting or ended). Absent: never. */
  until?: Until | undefined;
  /** Only these types. */
  types?: readonly EventType[] | undefined;
}

/**
 * A run's events in order: none twice, none left out, whatever happens to the connection and the server.
 * `opened` is a connection that already streams the run.
 */
export async function* watchRun(
  transport: Transport,
  runId: string,
  options: WatchOptions,
  opened?: Connection,
): AsyncGenerator<RunEvent, void, void> {
  let last = options.after ?? 0;
  let first = opened;
  for (let gaps = 0; ;) {
    const frames = followStream({
      ...options,
      opened: first,
      retryTimes: transport.retryTimes,
      maxRetries: transport.maxRetries,
      open: (signal) => openEvents(transport, runId, last, options, signal),
    });
    first = undefined;
    let isGap = false;
    for await (const frame of frames) {
      const event = readEvent(frame);
      if (event === null || event.seq <= last) continue;
      if (options.types === undefined && firstSeqOf(event) > last + 1) {
        isGap = true;
        break;
      }
      gaps = 0;
      last = event.seq;
      yield event;
    }
    if (!isGap) return;
    gaps += 1;
    if (gaps > MAX_GAPS) throw missing(last);
    await pause(transport.retryTimes.firstMs, options.signal);
  }
}

function openEvents(
  transport: Transport,
  runId: string,
  last: number,
  { until, types }: WatchOptions,
  signal: AbortSignal,
): Promise<Response> {
  return transport.stream({
    method: 'GET',
    path: `/runs/${encodeURIComponent(runId)}/events`,
    query: { until, types },
    lastEventId: last,
    signal,
  });
}

function readEvent(frame: Frame): RunEvent | null {
  const event = parseFrame<Partial<RunEvent> | null>(frame);
  return event !== null && typeof event.seq === 'number' ? (event as RunEvent) : null;
}

/** A compacted delta stands for `from…seq`. */
function firstSeqOf(event: RunEvent): number {
  return event.type === 'message.delta' ? (event.data.from ?? event.seq) : event.seq;
}

function missing(last: number): FermataError {
  return new FermataError({
    code: 'invalid_reply',
    message: `The stream leaves out the event after seq ${last}, again and again.`,
  });
}
