import { isTerminal, type Run, type RunEvent, type StreamEndReason, type Until } from '@fermata/protocol';
import type { Caller } from '../engine/caller.ts';
import type { Engine } from '../engine/facade.ts';

/** A run's log as frames of some face. */
export interface RunStreamRequest {
  engine: Engine;
  caller: Caller;
  runId: string;
  /** Events after this seq. */
  after: number;
  signal: AbortSignal;
  /** What the events of a batch need before they can be encoded; absent: nothing. */
  prepare?: ((batch: readonly RunEvent[]) => Promise<void>) | undefined;
  /** Frames that an event gives; may keep state, since it sees every event once and in order. */
  encode(event: RunEvent): readonly string[];
  /** Whether the run has come to where the stream ends; absent: it never does. */
  isOver?: ((run: Run) => StreamEndReason | null) | undefined;
}

/**
 * Opens a stream of a run's log. Throws `not_found` and `cursor_ahead` before anything is sent. Where it ends
 * is decided on the run's own row, and only after every event up to that row's head was handed out.
 */
export async function openRunStream(
  request: RunStreamRequest,
): Promise<AsyncGenerator<readonly string[], StreamEndReason | null, void>> {
  const { engine, caller, runId, after, signal, isOver } = request;
  const run = isOver === undefined ? null : await engine.runs.get(caller, runId);
  const tail = await engine.events.tail(caller, runId, after, signal);
  return followRun(request, tail, run);
}

async function* followRun(
  request: RunStreamRequest,
  tail: AsyncIterable<RunEvent[] | null>,
  runAtStart: Run | null,
): AsyncGenerator<readonly string[], StreamEndReason | null, void> {
  const { engine, caller, runId, isOver } = request;
  let run = runAtStart;
  let last = request.after;
  let isStale = false;
  const ended = async (): Promise<StreamEndReason | null> => {
    if (isOver === undefined || run === null || last < run.head) return null;
    if (isStale) {
      isStale = false;
      run = await engine.runs.get(caller, runId);
    }
    return last >= run.head ? isOver(run) : null;
  };
  const atStart = await ended();
  if (atStart !== null) return atStart;
  for await (const batch of tail) {
    if (batch === null) {
      isStale = true;
    } else {
      await request.prepare?.(batch);
      const frames = batch.flatMap((event) => request.encode(event));
      last = batch.at(-1)?.seq ?? last;
      // Status, and what the runs below wait for.
      isStale ||= batch.some(({ type }) => type.startsWith('run.') || type.startsWith('child.'));
      if (frames.length > 0) yield frames;
    }
    const reason = await ended();
    if (reason !== null) return reason;
  }
  return null;
}

/**
 * Where `until` ends a stream. Parked is paused, waiting or ended: in none of these anything is due, so only
 * something from outside moves the run on.
 */
export function isOverWhen(until: Until | undefined): ((run: Run) => StreamEndReason | null) | undefined {
  if (until === undefined) return undefined;
  return (run) => {
    if (isTerminal(run.status)) return 'finished';
    if (until === 'parked' && (run.status === 'paused' || run.status === 'waiting')) return 'parked';
    return null;
  };
}
