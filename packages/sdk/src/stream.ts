import type { StreamEnd, StreamEndReason } from '@fermata/protocol';
import { createParser } from 'eventsource-parser';
import { FermataError } from './errors.ts';
import { isWorthRetrying, pause, pauseBeforeRetry, reasonOf, type RetryTimes } from './retry.ts';

/** One server-sent event, complete. */
export interface Frame {
  event: string;
  data: string;
}

/** A stream was cut, or could not be opened, and is about to be taken up again. */
export interface Reconnect {
  /** How often in a row nothing came, from 1. */
  attempt: number;
  /** The next attempt is made after this pause, ms. */
  waitMs: number;
  cause: FermataError;
}

export interface StreamOptions {
  /** Aborting it ends the iteration with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** A connection on which no byte came for this long is dead, ms. Default 30,000; the server sends one every 10 s. */
  idleTimeoutMs?: number | undefined;
  onReconnect?: ((reconnect: Reconnect) => void) | undefined;
}

/** An open reply and the way to end it. */
export interface Connection {
  response: Response;
  close(): void;
  /** Runs `step` and ends the connection when nothing comes of it for the idle time. */
  watched<T>(step: () => Promise<T>): Promise<T>;
}

export interface Follow extends StreamOptions {
  /** One attempt to open the stream from where the reader stands. */
  open(signal: AbortSignal): Promise<Response>;
  /** The first connection, when it is open already. */
  opened?: Connection | undefined;
  retryTimes: RetryTimes;
  /** How often the very first attempt is repeated; once it was open, the stream is taken up again without end. */
  maxRetries: number;
}

/**
 * The frames of a stream, taken up again after every cut, restart and `draining`. Ends when the server says that
 * the stream is over as asked (`finished`, `parked`), and returns that reason. Throws `FermataError` for what
 * no further attempt can mend.
 */
export async function* followStream(follow: Follow): AsyncGenerator<Frame, StreamEndReason, void> {
  let { opened } = follow;
  let wasOpen = opened !== undefined;
  let failures = 0;
  for (;;) {
    let cause: FermataError;
    let connection: Connection | undefined = opened;
    opened = undefined;
    try {
      connection ??= await openConnection(follow, (signal) => follow.open(signal));
      wasOpen = true;
      let why = 'The stream was cut.';
      for await (const frame of readFrames(connection)) {
        failures = 0;
        const reason = frame.event === 'stream.end' ? readEnd(frame) : null;
        if (reason === 'finished' || reason === 'parked') return reason;
        if (reason !== null) {
          why = `The server ended the stream: ${reason}.`;
          break;
        }
        yield frame;
      }
      cause = cut(why);
    } catch (error) {
      if (follow.signal?.aborted === true) throw reasonOf(follow.signal);
      if (error instanceof FermataError && !mayReconnect(error)) throw error;
      cause = error instanceof FermataError ? error : cut('The stream was cut.', error);
    } finally {
      connection?.close();
    }
    failures += 1;
    if (!wasOpen && failures > follow.maxRetries) throw cause;
    const waitMs = pauseBeforeRetry(cause, failures, follow.retryTimes) ?? follow.retryTimes.longestMs;
    follow.onReconnect?.({ attempt: failures, waitMs, cause });
    await pause(waitMs, follow.signal);
  }
}

/** Opens a connection whose opening and reading are both under the idle time. */
export async function openConnection(
  options: StreamOptions,
  open: (signal: AbortSignal) => Promise<Response>,
): Promise<Connection> {
  const idleMs = options.idleTimeoutMs ?? 30_000;
  const controller = new AbortController();
  const { signal } = options;
  const follow = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) throw reasonOf(signal);
  signal?.addEventListener('abort', follow, { once: true });

  const close = (): void => {
    signal?.removeEventListener('abort', follow);
    controller.abort();
  };
  async function watched<T>(step: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => controller.abort(silent(idleMs)), idleMs);
    try {
      return await step();
    } catch (error) {
      // The reason says more than what fetch or the reader make of it.
      if (controller.signal.aborted) throw reasonOf(controller.signal);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
  try {
    return { response: await watched(() => open(controller.signal)), close, watched };
  } catch (error) {
    close();
    throw error;
  }
}

/** Complete frames only: what a cut leaves half-sent is dropped, and comes again after the reconnect. */
async function* readFrames(connection: Connection): AsyncGenerator<Frame, void, void> {
  const { body } = connection.response;
  if (body === null) return;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let frames: Frame[] = [];
  const parser = createParser({
    onEvent: (message) => frames.push({ event: message.event ?? 'message', data: message.data }),
  });
  try {
    for (;;) {
      const { done, value } = await connection.watched(() => reader.read());
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      const complete = frames;
      frames = [];
      yield* complete;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function readEnd(frame: Frame): StreamEndReason {
  const end = parseFrame<StreamEnd>(frame);
  return end.reason;
}

/** The JSON of a frame. The server checks what it sends; only that it is JSON is checked here. */
export function parseFrame<T>(frame: Frame): T {
  try {
    return JSON.parse(frame.data) as T;
  } catch (error) {
    throw new FermataError({
      code: 'invalid_reply',
      message: `A frame "${frame.event}" of the stream is not JSON.`,
      cause: error,
    });
  }
}

/** A reader has nothing to lose by asking again, so `internal` is no reason to give up. */
function mayReconnect(error: FermataError): boolean {
  return isWorthRetrying(error) || error.code === 'internal';
}

function cut(message: string, cause?: unknown): FermataError {
  return new FermataError({ code: 'network_error', message, retryable: true, cause });
}

function silent(idleMs: number): FermataError {
  return cut(`Nothing came on the stream for ${idleMs} ms.`);
}
