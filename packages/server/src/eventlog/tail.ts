import type { RunEvent } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import type { EventReads } from '../engine/ports.ts';
import { TailReader } from './tail-reader.ts';

export interface EventTailOptions {
  /** How often heads are looked up, for hints that were lost. */
  pollMs?: number;
  /** After how long a silence a reader is given `null`. */
  heartbeatMs?: number;
}

/** The readers of one run, and how far this process has followed it. */
interface Channel {
  runId: string;
  /** Everything up to here was offered to the readers, or was there when they came; null until that is known. */
  cursor: number | null;
  /** Highest seq that is known to exist. */
  head: number;
  isFetching: boolean;
  readers: Set<TailReader>;
}

/** A page that is being read before it is asked for. */
interface ReadAhead {
  after: number;
  page: Promise<RunEvent[]>;
}

const PAGE = 500;
const HEADS_AT_ONCE = 1000;

/**
 * Follows the logs of runs for any number of readers. The table is the truth; events come from memory only to a
 * reader whose last seq they continue. Each run that somebody reads has one channel: commits of this process are
 * published to it, commits of others are read once for all its readers when a hint or the slow poll tells of them. A
 * reader that is not at the channel's cursor, because it came late or fell behind, reads the table by itself.
 */
export class EventTail implements AsyncDisposable {
  readonly #reads: EventReads;
  readonly #heartbeatMs: number;
  readonly #channels = new Map<string, Channel>();
  readonly #timer: NodeJS.Timeout;
  #isPolling = false;

  constructor(reads: EventReads, options: EventTailOptions = {}) {
    this.#reads = reads;
    this.#heartbeatMs = options.heartbeatMs ?? 10_000;
    this.#timer = setInterval(() => void this.#tick(), options.pollMs ?? 1000);
    this.#timer.unref();
  }

  /** Number of readers, for metrics. */
  get readerCount(): number {
    let count = 0;
    for (const channel of this.#channels.values()) count += channel.readers.size;
    return count;
  }

  /**
   * Batches of events after `after`, gap-free, until `signal` aborts; `null` after a silence. Survives a database
   * that is away for a while.
   * @throws EngineError `not_found`, `cursor_ahead`, before anything is yielded
   */
  async open(runId: string, after: number, signal: AbortSignal): Promise<AsyncIterable<RunEvent[] | null>> {
    const reader = new TailReader(after);
    // Listening begins before the head is read: what is committed in between is known by one or the other.
    const channel = this.#join(runId, reader);
    try {
      const head = await this.#reads.head(runId);
      if (head === null) throw new EngineError('not_found', 'There is no such run');
      if (after > head) {
        throw new EngineError('cursor_ahead', `The log ends at ${head}, before the cursor ${after}`);
      }
      channel.cursor ??= head;
      this.#learn(channel, head);
    } catch (error) {
      this.#leave(channel, reader);
      throw error;
    }
    const end = (): void => {
      reader.end();
      this.#leave(channel, reader);
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return this.#follow(channel, reader, () => signal.removeEventListener('abort', end));
  }

  /** Events that this process has committed, after the commit; of one run in order of seq. */
  publish(events: readonly RunEvent[]): void {
    for (let start = 0; start < events.length;) {
      const runId = events[start]?.runId;
      let end = start + 1;
      while (events[end]?.runId === runId) end++;
      const channel = runId === undefined ? undefined : this.#channels.get(runId);
      if (channel !== undefined) this.#publishTo(channel, events.slice(start, end));
      start = end;
    }
  }

  /** Somebody has committed up to `head`. */
  hint(runId: string, head: number): void {
    const channel = this.#channels.get(runId);
    if (channel !== undefined) this.#learn(channel, head);
  }

  /** Hints may have been lost: look at once. */
  resync(): void {
    void this.#poll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const channel of this.#channels.values()) for (const reader of channel.readers) reader.end();
    await Promise.resolve();
  }

  async *#follow(
    channel: Channel,
    reader: TailReader,
    release: () => void,
  ): AsyncGenerator<RunEvent[] | null, void, void> {
    let ahead: ReadAhead | null = null;
    try {
      while (!reader.hasEnded) {
        const queued = reader.takeQueue();
        if (queued.length > 0) {
          yield queued;
          continue;
        }
        if (reader.tail < (channel.cursor ?? 0)) {
          const events: RunEvent[] = await this.#pageAfter(channel.runId, reader.tail, ahead);
          ahead = null;
          const last: number | undefined = events.at(-1)?.seq;
          if (last !== undefined) {
            // The next page is read while this one is encoded and sent.
            if (last < (channel.cursor ?? 0))
              ahead = { after: last, page: this.#readTable(channel.runId, last) };
            ahead?.page.catch(() => {});
            reader.noteRead(events);
            yield events;
            continue;
          }
          // The table is away, or is not what the cursor says: the next tick looks again.
        }
        if ((await reader.wait()) === 'silence') {
          reader.noteSilence();
          yield null;
        }
      }
    } finally {
      release();
      this.#leave(channel, reader);
    }
  }

  #pageAfter(runId: string, after: number, ahead: ReadAhead | null): Promise<RunEvent[]> {
    return ahead?.after === after ? ahead.page : this.#readTable(runId, after);
  }

  async #readTable(runId: string, after: number): Promise<RunEvent[]> {
    try {
      return await this.#reads.readFrom(runId, after, PAGE);
    } catch (error) {
      if (error instanceof EngineError && error.code === 'unavailable') return [];
      throw error;
    }
  }

  #join(runId: string, reader: TailReader): Channel {
    let channel = this.#channels.get(runId);
    if (channel === undefined) {
      channel = { runId, cursor: null, head: 0, isFetching: false, readers: new Set() };
      this.#channels.set(runId, channel);
    }
    channel.readers.add(reader);
    return channel;
  }

  #leave(channel: Channel, reader: TailReader): void {
    channel.readers.delete(reader);
    if (channel.readers.size === 0 && this.#channels.get(channel.runId) === channel) {
      this.#channels.delete(channel.runId);
    }
  }

  #publishTo(channel: Channel, events: readonly RunEvent[]): void {
    const { cursor } = channel;
    const last = events.at(-1)?.seq ?? 0;
    const fresh = cursor === null ? [] : events.filter((event) => event.seq > cursor);
    if (cursor !== null && fresh[0]?.seq === cursor + 1) {
      channel.head = Math.max(channel.head, last);
      this.#advance(channel, fresh);
    } else {
      this.#learn(channel, last);
    }
  }

  #learn(channel: Channel, head: number): void {
    channel.head = Math.max(channel.head, head);
    if (channel.cursor !== null && channel.head > channel.cursor) void this.#fetch(channel);
  }

  /** Reads what others have committed, once for all readers. */
  async #fetch(channel: Channel): Promise<void> {
    if (channel.isFetching) return;
    channel.isFetching = true;
    try {
      while (channel.cursor !== null && channel.cursor < channel.head && channel.readers.size > 0) {
        const page = await this.#reads.readFrom(channel.runId, channel.cursor, PAGE);
        const { cursor } = channel;
        const fresh = page.filter((event) => event.seq > cursor);
        if (fresh.length > 0) this.#advance(channel, fresh);
        else if (page.length === 0) break;
      }
    } catch {
      // The next tick finds the head ahead of the cursor and tries again.
    } finally {
      channel.isFetching = false;
    }
  }

  #advance(channel: Channel, events: readonly RunEvent[]): void {
    channel.cursor = events.at(-1)?.seq ?? channel.cursor;
    const bytes = new Map<RunEvent, number>();
    const bytesOf = (event: RunEvent): number => {
      const known = bytes.get(event) ?? JSON.stringify(event.data).length;
      bytes.set(event, known);
      return known;
    };
    for (const reader of channel.readers) reader.offer(events, bytesOf);
  }

  async #tick(): Promise<void> {
    for (const channel of this.#channels.values()) {
      for (const reader of channel.readers) {
        if (reader.tail < (channel.cursor ?? 0)) reader.wake('events');
        else reader.wakeWhenQuiet(this.#heartbeatMs);
      }
    }
    await this.#poll();
  }

  async #poll(): Promise<void> {
    if (this.#isPolling || this.#channels.size === 0) return;
    this.#isPolling = true;
    try {
      const runIds = [...this.#channels.keys()];
      for (let start = 0; start < runIds.length; start += HEADS_AT_ONCE) {
        const heads = await this.#reads.heads(runIds.slice(start, start + HEADS_AT_ONCE));
        for (const [runId, head] of heads) this.hint(runId, head);
      }
    } catch {
      // The database is away; there is a next tick.
    } finally {
      this.#isPolling = false;
    }
  }
}
