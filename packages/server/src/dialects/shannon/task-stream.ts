import { isTerminal, type Run, type StreamEndReason } from '@fermata/protocol';
import { openRunStream } from '../../http/run-stream.ts';
import { sseFrame, type EventStream } from '../../http/sse.ts';
import type { FrameCursor } from './cursor.ts';
import { createEventEncoder, type ShannonEvent } from './events.ts';
import type { ShannonRequest } from './route.ts';
import { frameOf, PING_FRAME, wantedTypes } from './sse-frames.ts';

export interface TaskStreamRequest extends Pick<ShannonRequest, 'engine' | 'caller'> {
  run: Run;
  taskId: string;
  after: FrameCursor;
  /** Comma list of types in either spelling, or null. */
  types: string | null;
  signal: AbortSignal;
}

/**
 * A task's events from its log, live after that, until it has ended and everything was sent. `STREAM_END` is held back
 * to the end of the stream: a task that was reopened has not ended.
 */
export async function openTaskStream(request: TaskStreamRequest): Promise<EventStream> {
  const { taskId } = request;
  const wanted = wantedTypes(request.types);
  const reader = createTaskReader(request.run, request.after);
  const frames = await openRunStream({
    ...request,
    runId: request.run.id,
    // What an event shows depends on those before it, so the log is read from its beginning.
    after: 0,
    encode: (event) =>
      reader
        .read(event)
        .filter(({ type }) => wanted === null || wanted(type))
        .map(frameOf),
    isOver: (run) => (isTerminal(run.status) ? 'finished' : null),
  });
  return {
    frames: greeted(`: connected to workflow ${taskId}\n\n`, frames),
    heartbeatFrame: PING_FRAME,
    endFrame(reason) {
      // A reader whose connection breaks comes back; one that sees an orderly end takes it for the task's.
      if (reason !== 'finished') return null;
      const end = reader.end();
      return end === null || (wanted !== null && !wanted('STREAM_END')) ? '' : frameOf(end);
    },
  };
}

export interface TaskReader {
  /** Frames of an event behind the cursor, without the end of the stream. */
  read(event: Parameters<ReturnType<typeof createEventEncoder>>[0]): ShannonEvent[];
  /** The end of the stream of the last terminal event, with the id of what was read last. */
  end(): ShannonEvent | null;
}

export function createTaskReader(run: Run, after: FrameCursor): TaskReader {
  const encode = createEventEncoder(run);
  let end: ShannonEvent | null = null;
  let last: ShannonEvent | null = null;
  return {
    read(event) {
      const events = encode(event);
      const isEnd = ({ type }: ShannonEvent): boolean => type === 'STREAM_END';
      end = events.find(isEnd) ?? (event.type === 'run.reopened' ? null : end);
      last = events.at(-1) ?? last;
      return events.filter((one) => one.seq > after && !isEnd(one));
    },
    end: () => (end === null || last === null ? null : { ...end, seq: last.seq, stream_id: last.stream_id }),
  };
}

async function* greeted(
  greeting: string,
  frames: EventStream['frames'],
): AsyncGenerator<readonly string[], StreamEndReason | null, void> {
  yield [greeting];
  return yield* frames;
}

/** A stream of a task that is not there, or is another's: it stays open for a while and then says so. */
export function unknownTaskStream(taskId: string, waitMs: number, signal: AbortSignal): EventStream {
  async function* frames(): AsyncGenerator<readonly string[], StreamEndReason | null, void> {
    yield [`: connected to workflow ${taskId}\n\n`];
    await elapsed(waitMs, signal);
    if (signal.aborted) return null;
    yield [
      sseFrame('ERROR_OCCURRED', {
        workflow_id: taskId,
        type: 'ERROR_OCCURRED',
        message: 'Workflow not found',
      }),
    ];
    return 'finished';
  }
  return { frames: frames(), heartbeatFrame: PING_FRAME, endFrame: () => '' };
}

/** Waits, but no longer than the signal lets it. */
export function elapsed(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
