import type { RunEvent } from '@fermata/protocol';
import { createParser } from 'eventsource-parser';

/** One frame as it came over the wire. */
export interface Frame {
  id: string | undefined;
  event: string | undefined;
  data: string;
}

/** How a stream ended: by its last frame, with the reason, or cut in the middle. */
export type StreamEnd = { kind: 'ended'; reason: string } | { kind: 'cut' };

/**
 * Reads a stream of server-sent events in the background, frame by frame as it comes. `close` cuts it from this
 * side.
 */
export class EventReader implements AsyncDisposable {
  readonly frames: Frame[] = [];
  /** How the stream has ended. */
  readonly ended: Promise<StreamEnd>;
  readonly #abort: AbortController;
  readonly #waiters = new Set<() => void>();
  #end: StreamEnd | null = null;

  private constructor(response: Response, abort: AbortController) {
    this.#abort = abort;
    this.ended = this.#read(response);
  }

  /** Rejects when the stream is refused. */
  static async open(url: string, headers: Record<string, string>): Promise<EventReader> {
    const abort = new AbortController();
    const response = await fetch(url, {
      headers: { ...headers, accept: 'text/event-stream' },
      signal: abort.signal,
    });
    if (!response.ok) throw new Error(`the stream was refused: ${response.status} ${await response.text()}`);
    return new EventReader(response, abort);
  }

  get events(): RunEvent[] {
    return this.frames
      .filter((frame) => frame.id !== undefined)
      .map((frame) => JSON.parse(frame.data) as RunEvent);
  }

  /** Id of the last frame that has one; 0 before the first. */
  get lastId(): number {
    return Number(this.frames.findLast((frame) => frame.id !== undefined)?.id ?? 0);
  }

  /** Resolves when the frames read so far are as wanted; rejects when the stream ends before. */
  async until(isThere: (events: RunEvent[]) => boolean, timeoutMs = 60_000): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs);
    while (!isThere(this.events)) {
      if (this.#end !== null) throw new Error(`the stream ended too soon: ${JSON.stringify(this.#end)}`);
      await new Promise<void>((resolve, reject) => {
        const late = (): void => reject(new Error(`nothing more was streamed in ${timeoutMs} ms`));
        const wake = (): void => {
          deadline.removeEventListener('abort', late);
          this.#waiters.delete(wake);
          resolve();
        };
        deadline.addEventListener('abort', late, { once: true });
        this.#waiters.add(wake);
      });
    }
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #read({ body }: Response): Promise<StreamEnd> {
    const parser = createParser({ onEvent: ({ id, event, data }) => this.frames.push({ id, event, data }) });
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body ?? []) {
        parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
        this.#wake();
      }
    } catch {
      // Cut, from either side.
    }
    const last = this.frames.at(-1);
    this.#end =
      last?.event === 'stream.end'
        ? { kind: 'ended', reason: (JSON.parse(last.data) as { reason: string }).reason }
        : { kind: 'cut' };
    this.#wake();
    return this.#end;
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}
