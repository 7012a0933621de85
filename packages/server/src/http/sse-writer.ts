import type { ServerResponse } from 'node:http';
import { setImmediate as nextTick } from 'node:timers/promises';
import { HEARTBEAT_MS, SLOW_READER_MS, STREAM_WRITE_BYTES } from './limits.ts';

export interface SseWriterOptions {
  /** A text, or what makes one each time. */
  heartbeatFrame: string | (() => string);
  heartbeatMs?: number;
  slowReaderMs?: number;
  writeBytes?: number;
}

/**
 * Writes server-sent events to one reader: at most one socket write per tick, of all frames due; nothing more
 * than one write waits in memory before the caller is made to wait. A reader that takes nothing for
 * `slowReaderMs` while bytes wait for it makes `write` answer false.
 */
export class SseWriter implements AsyncDisposable {
  readonly #raw: ServerResponse;
  readonly #slowReaderMs: number;
  readonly #writeBytes: number;
  readonly #heartbeat: NodeJS.Timeout;
  #queue: string[] = [];
  #queuedBytes = 0;
  #flushing: Promise<boolean> | null = null;

  constructor(raw: ServerResponse, options: SseWriterOptions) {
    this.#raw = raw;
    this.#slowReaderMs = options.slowReaderMs ?? SLOW_READER_MS;
    this.#writeBytes = options.writeBytes ?? STREAM_WRITE_BYTES;
    // A socket that goes away mid-write must not become an uncaught error; `close` tells the rest.
    raw.on('error', () => undefined);
    this.#heartbeat = setInterval(() => {
      const { heartbeatFrame: beat } = options;
      if (this.#flushing === null && !raw.writableEnded)
        void this.write([typeof beat === 'string' ? beat : beat()]);
    }, options.heartbeatMs ?? HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  /**
   * Queues frames. Resolves true when more may come; false when the reader is too slow or gone, after which
   * only `end` may be called.
   */
  write(frames: readonly string[]): Promise<boolean> {
    for (const frame of frames) {
      this.#queue.push(frame);
      this.#queuedBytes += frame.length;
    }
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null;
    });
    return this.#queuedBytes > this.#writeBytes ? this.#flushing : Promise.resolve(!this.#raw.destroyed);
  }

  /** Waits until everything queued was taken; false when the reader is too slow or gone. */
  async drained(): Promise<boolean> {
    return (await this.#flushing) ?? !this.#raw.destroyed;
  }

  /** Sends the last frame and closes; a reader that does not take it in time is disconnected. */
  async end(frame: string): Promise<void> {
    const raw = this.#raw;
    if (raw.destroyed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => raw.destroy(), this.#slowReaderMs);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      raw.once('finish', done);
      raw.once('close', done);
      raw.end(frame);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#queue = [];
    return Promise.resolve();
  }

  async #flush(): Promise<boolean> {
    for (;;) {
      await nextTick();
      const chunk = this.#take();
      if (chunk === '') return !this.#raw.destroyed;
      if (this.#raw.destroyed) return false;
      if (!this.#raw.write(chunk) && !(await this.#drain())) return false;
    }
  }

  #take(): string {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && (count === 0 || bytes < this.#writeBytes)) {
      bytes += this.#queue[count]?.length ?? 0;
      count += 1;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count).join('');
  }

  #drain(): Promise<boolean> {
    const raw = this.#raw;
    return new Promise((resolve) => {
      const settle = (isDrained: boolean): void => {
        clearTimeout(timer);
        raw.off('drain', onDrain);
        raw.off('close', onClose);
        resolve(isDrained);
      };
      const onDrain = (): void => settle(true);
      const onClose = (): void => settle(false);
      const timer = setTimeout(() => settle(false), this.#slowReaderMs);
      raw.once('drain', onDrain);
      raw.once('close', onClose);
    });
  }
}
