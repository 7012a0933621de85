import type { StreamEndReason } from '@fermata/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { REAUTHENTICATE_MS } from './limits.ts';
import { SseWriter } from './sse-writer.ts';

/** A stream ready to be sent: everything that can be refused was refused before it was made. */
export interface EventStream {
  /** Batches of encoded frames; returns why it ended, or null when only its lifetime ended it. */
  frames: AsyncGenerator<readonly string[], StreamEndReason | null, void>;
  heartbeatFrame: string | (() => string);
  /** Null: the connection is cut, so that the reader comes back; some take any orderly end for the run's. */
  endFrame(reason: StreamEndReason): string | null;
}

/** Why a stream must end, whatever it still has to say. */
export type LifetimeEnd = 'closed' | 'draining' | 'unauthorized' | 'done';

export interface StreamTimes {
  heartbeatMs?: number;
  slowReaderMs?: number;
  reauthenticateMs?: number;
}

/**
 * How long a stream may live: until the reader leaves, the process drains, or its key is revoked. The signal's
 * reason is a `LifetimeEnd`.
 */
export class StreamLifetime implements Disposable {
  readonly #controller = new AbortController();
  readonly #draining: AbortSignal;
  readonly #reply: FastifyReply;
  readonly #onClose = (): void => this.end('closed');
  readonly #onDraining = (): void => this.end('draining');

  constructor(reply: FastifyReply, draining: AbortSignal) {
    this.#reply = reply;
    this.#draining = draining;
    reply.raw.once('close', this.#onClose);
    draining.addEventListener('abort', this.#onDraining, { once: true });
    if (draining.aborted) this.end('draining');
    // A reader may have left while the command was running; its `close` does not come again.
    if (reply.raw.destroyed) this.end('closed');
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(reason: LifetimeEnd): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#reply.raw.off('close', this.#onClose);
    this.#draining.removeEventListener('abort', this.#onDraining);
    this.end('done');
  }
}

/**
 * Sends a stream as `text/event-stream` until it ends, then its last frame. `isAuthorized` is asked every 30 s;
 * an error of it changes nothing, false ends the stream. Disposes of the lifetime. Never throws: a failure in the middle of a stream
 * closes the connection without a last frame, so that the reader comes back with its cursor.
 */
export async function sendStream(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  stream: EventStream,
  lifetime: StreamLifetime,
  isAuthorized: () => Promise<boolean>,
  times: StreamTimes = {},
): Promise<void> {
  const { raw } = reply;
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) raw.setHeader(name, value);
  }
  raw.writeHead(status, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
  raw.flushHeaders();
  const check = setInterval(() => {
    isAuthorized().then(
      (isValid) => {
        if (!isValid) lifetime.end('unauthorized');
      },
      () => undefined,
    );
  }, times.reauthenticateMs ?? REAUTHENTICATE_MS);
  check.unref();
  await using writer = new SseWriter(raw, { ...times, heartbeatFrame: stream.heartbeatFrame });
  try {
    const reason = await pump(stream, writer, lifetime.signal);
    const frame = reason === null ? null : stream.endFrame(reason);
    if (frame !== null) await writer.end(frame);
    else raw.destroy();
  } catch (error) {
    request.log.error({ err: error, requestId: request.id }, 'stream failed');
    raw.destroy();
  } finally {
    clearInterval(check);
    lifetime[Symbol.dispose]();
  }
}

/** Why the stream ended; null when the reader has gone. */
async function pump(
  stream: EventStream,
  writer: SseWriter,
  signal: AbortSignal,
): Promise<StreamEndReason | null> {
  let result = await nextBatch(stream, signal);
  while (!result.done) {
    if (!(await writer.write(result.value))) return tooSlowOrGone(stream, signal);
    result = await nextBatch(stream, signal);
  }
  if (!(await writer.drained())) return tooSlowOrGone(stream, signal);
  return result.value ?? lifetimeReason(signal);
}

async function nextBatch(
  stream: EventStream,
  signal: AbortSignal,
): Promise<IteratorResult<readonly string[], StreamEndReason | null>> {
  try {
    return await stream.frames.next();
  } catch (error) {
    if (signal.aborted) return { done: true, value: null };
    throw error;
  }
}

function tooSlowOrGone(stream: EventStream, signal: AbortSignal): StreamEndReason | null {
  stream.frames.return(null).catch(() => undefined);
  return signal.aborted ? lifetimeReason(signal) : 'slow_reader';
}

function lifetimeReason(signal: AbortSignal): StreamEndReason | null {
  const reason: unknown = signal.reason;
  return reason === 'draining' || reason === 'unauthorized' ? reason : null;
}

/** One server-sent event. */
export function sseFrame(event: string, data: unknown, id?: string | number): string {
  const head = id === undefined ? '' : `id: ${id}\n`;
  return `${head}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** True when the request prefers a stream over JSON. */
export function wantsEventStream(accept: string | undefined): boolean {
  if (accept === undefined || !/text\/event-stream/i.test(accept)) return false;
  const ranges = accept.split(',').map((range, index) => ({ ...parseRange(range), index }));
  const stream = ranges.find((range) => range.type === 'text/event-stream');
  const json = ranges.find((range) => range.type === 'application/json');
  if (stream === undefined || stream.quality === 0) return false;
  if (json === undefined) return true;
  return stream.quality > json.quality || (stream.quality === json.quality && stream.index < json.index);
}

function parseRange(range: string): { type: string; quality: number } {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = q === undefined ? 1 : Number(q.slice(2));
  return { type, quality: Number.isNaN(quality) ? 1 : quality };
}
