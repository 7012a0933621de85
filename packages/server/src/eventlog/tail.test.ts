import { EVENT_VERSION, type RunEvent } from '@fermata/protocol';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EngineError } from '../engine/errors.ts';
import type { EventReads } from '../engine/ports.ts';
import { EventTail } from './tail.ts';

/** An event table in memory, which counts how it is read. */
class Log implements EventReads {
  readonly rows = new Map<string, RunEvent[]>();
  reads = 0;
  isAway = false;

  /** Commits `count` events; who is told is the test's business. */
  commit(runId: string, count = 1, text = 'x'): RunEvent[] {
    const rows = this.rows.get(runId) ?? [];
    this.rows.set(runId, rows);
    const added = Array.from({ length: count }, (_, index) => delta(runId, rows.length + index + 1, text));
    rows.push(...added);
    return added;
  }

  async readFrom(runId: string, after: number, limit: number): Promise<RunEvent[]> {
    this.reads++;
    await Promise.resolve();
    if (this.isAway) throw new EngineError('unavailable', 'away');
    return (this.rows.get(runId) ?? []).filter((event) => event.seq > after).slice(0, limit);
  }

  async head(runId: string): Promise<number | null> {
    await Promise.resolve();
    return this.rows.get(runId)?.at(-1)?.seq ?? null;
  }

  async heads(runIds: readonly string[]): Promise<Map<string, number>> {
    await Promise.resolve();
    if (this.isAway) throw new EngineError('unavailable', 'away');
    return new Map(runIds.flatMap((runId) => [[runId, this.rows.get(runId)?.at(-1)?.seq ?? 0]]));
  }

  page(): Promise<RunEvent[]> {
    return Promise.resolve([]);
  }
}

function delta(runId: string, seq: number, text = 'x', from?: number): RunEvent {
  return {
    runId,
    seq,
    type: 'message.delta',
    at: '2026-01-02T03:04:05.000Z',
    v: EVENT_VERSION,
    data: { turn: 1, attempt: 1, part: 0, channel: 'text', text, ...(from === undefined ? {} : { from }) },
  };
}

/** Collects what a reader is given, and lets a test wait for a seq. */
class Collector {
  readonly seqs: number[] = [];
  readonly events: RunEvent[] = [];
  heartbeats = 0;
  readonly done: Promise<void>;
  readonly #waiting: { seq: number; resolve: () => void }[] = [];

  constructor(stream: AsyncIterable<RunEvent[] | null>) {
    this.done = this.#run(stream);
  }

  async #run(stream: AsyncIterable<RunEvent[] | null>): Promise<void> {
    for await (const batch of stream) {
      if (batch === null) this.heartbeats++;
      for (const event of batch ?? []) {
        this.events.push(event);
        this.seqs.push(event.seq);
      }
      for (const waiter of this.#waiting) if ((this.seqs.at(-1) ?? 0) >= waiter.seq) waiter.resolve();
    }
  }

  until(seq: number): Promise<void> {
    if ((this.seqs.at(-1) ?? 0) >= seq) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ seq, resolve }));
  }
}

const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

const tails: EventTail[] = [];
function createTail(
  log: Log,
  options: ConstructorParameters<typeof EventTail>[1] = { pollMs: 3_600_000 },
): EventTail {
  const tail = new EventTail(log, options);
  tails.push(tail);
  return tail;
}
afterEach(async () => {
  for (const tail of tails.splice(0)) await tail[Symbol.asyncDispose]();
});

const stop = (): AbortController => new AbortController();

describe('the tail of a log', () => {
  it('gives what is in the table, then what is published, without a gap', async () => {
    const log = new Log();
    log.commit('r', 1200);
    const tail = createTail(log);
    const { signal } = stop();
    const reader = new Collector(await tail.open('r', 0, signal));
    await reader.until(1200);
    const reads = log.reads;
    tail.publish(log.commit('r', 2));
    tail.publish(log.commit('r', 1));
    await reader.until(1203);
    expect(reader.seqs).toEqual(upTo(1203));
    expect(log.reads).toBe(reads);
  });

  it('reads from the table what another process has committed, once for all readers', async () => {
    const log = new Log();
    log.commit('r', 3);
    const tail = createTail(log);
    const readers = await Promise.all(
      Array.from({ length: 50 }, async () => new Collector(await tail.open('r', 3, stop().signal))),
    );
    log.commit('r', 4);
    tail.hint('r', 7);
    await Promise.all(readers.map((reader) => reader.until(7)));
    expect(log.reads).toBe(1);
    for (const reader of readers) expect(reader.seqs).toEqual([4, 5, 6, 7]);
  });

  it('fills the gap when it is published to after an unknown commit', async () => {
    const log = new Log();
    log.commit('r', 1);
    const tail = createTail(log);
    const { signal } = stop();
    const reader = new Collector(await tail.open('r', 0, signal));
    await reader.until(1);
    log.commit('r', 2);
    tail.publish(log.commit('r', 1));
    await reader.until(4);
    expect(reader.seqs).toEqual([1, 2, 3, 4]);
  });

  it('finds by the slow poll what no hint told of', async () => {
    const log = new Log();
    log.commit('r', 1);
    const tail = createTail(log, { pollMs: 5 });
    const { signal } = stop();
    const reader = new Collector(await tail.open('r', 1, signal));
    log.commit('r', 2);
    await reader.until(3);
    expect(reader.seqs).toEqual([2, 3]);
  });

  it('sends a reader that fell behind back to the table, and keeps little for it', async () => {
    const log = new Log();
    log.commit('r', 1);
    const tail = createTail(log);
    const { signal } = stop();
    const slow = (await tail.open('r', 0, signal))[Symbol.asyncIterator]();
    expect((await slow.next()).value).toHaveLength(1);
    for (let round = 0; round < 500; round++) tail.publish(log.commit('r', 2));
    const seqs: number[] = [];
    while ((seqs.at(-1) ?? 0) < 1001) {
      const batch = (await slow.next()).value as RunEvent[];
      expect(batch.length).toBeLessThanOrEqual(500);
      seqs.push(...batch.map((event) => event.seq));
    }
    expect(seqs).toEqual(upTo(1001, 2));
    const reads = log.reads;
    tail.publish(log.commit('r', 1));
    expect(((await slow.next()).value as RunEvent[]).map((event) => event.seq)).toEqual([1002]);
    expect(log.reads).toBe(reads);
  });

  it('bounds what waits in memory by size too', async () => {
    const log = new Log();
    log.commit('r', 1);
    const tail = createTail(log);
    const { signal } = stop();
    const slow = (await tail.open('r', 1, signal))[Symbol.asyncIterator]();
    const first = slow.next();
    tail.publish(log.commit('r', 1));
    expect((await first).value).toHaveLength(1);
    for (let round = 0; round < 20; round++) tail.publish(log.commit('r', 1, 'y'.repeat(200_000)));
    const reads = log.reads;
    const batch = (await slow.next()).value as RunEvent[];
    expect(batch[0]?.seq).toBe(3);
    expect(log.reads).toBe(reads + 1);
  });

  it('accepts a compacted delta that continues the log by its first seq', async () => {
    const log = new Log();
    log.rows.set('r', [delta('r', 1), delta('r', 40, 'whole', 2), delta('r', 41)]);
    const tail = createTail(log);
    const { signal } = stop();
    const reader = new Collector(await tail.open('r', 0, signal));
    await reader.until(41);
    const middle = new Collector(await tail.open('r', 17, signal));
    await middle.until(41);
    expect(reader.seqs).toEqual([1, 40, 41]);
    expect(middle.seqs).toEqual([40, 41]);
  });

  it('refuses a run that is not there and a cursor ahead of the log', async () => {
    const log = new Log();
    log.commit('r', 2);
    const tail = createTail(log);
    const { signal } = stop();
    await expect(tail.open('none', 0, signal)).rejects.toMatchObject({ code: 'not_found' });
    await expect(tail.open('r', 3, signal)).rejects.toMatchObject({ code: 'cursor_ahead' });
    expect(tail.readerCount).toBe(0);
  });

  it('gives null after a silence, and goes on', async () => {
    const log = new Log();
    log.commit('r', 1);
    const tail = createTail(log, { pollMs: 5, heartbeatMs: 20 });
    const { signal } = stop();
    const reader = new Collector(await tail.open('r', 1, signal));
    await vi.waitFor(() => expect(reader.heartbeats).toBeGreaterThanOrEqual(2));
    tail.publish(log.commit('r', 1));
    await reader.until(2);
    expect(reader.seqs).toEqual([2]);
  });

  it('ends when its signal aborts, also when it was never read, and leaves nothing behind', async () => {
    const log = new Log();
    log.commit('r', 1);
    const tail = createTail(log);
    const controller = stop();
    const reader = new Collector(await tail.open('r', 0, controller.signal));
    const never = await tail.open('r', 0, controller.signal);
    await reader.until(1);
    expect(tail.readerCount).toBe(2);
    controller.abort();
    await reader.done;
    expect(tail.readerCount).toBe(0);
    const late = new Collector(await tail.open('r', 0, controller.signal));
    await late.done;
    expect([reader.seqs, late.seqs]).toEqual([[1], []]);
    for await (const batch of never) expect(batch).toBeNull();
  });

  it('outlives a database that is away', async () => {
    const log = new Log();
    log.commit('r', 1);
    const tail = createTail(log, { pollMs: 5 });
    const { signal } = stop();
    const reader = new Collector(await tail.open('r', 0, signal));
    await reader.until(1);
    log.isAway = true;
    log.commit('r', 3);
    tail.hint('r', 4);
    const late = new Collector(await tail.open('r', 0, signal));
    await vi.waitFor(() => expect(log.reads).toBeGreaterThan(4));
    expect(reader.seqs).toEqual([1]);
    log.isAway = false;
    await Promise.all([reader.until(4), late.until(4)]);
    expect([reader.seqs, late.seqs]).toEqual([upTo(4), upTo(4)]);
  });

  it('gives every reader every event once, in order, whoever commits and whatever hint is lost', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('local', 'remote', 'lost'), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constantFrom('open', 'pause', 'twice'), count: fc.nat(10) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const log = new Log();
        log.commit('r', 1);
        await using tail = new EventTail(log, { pollMs: 3_600_000 });
        const readers: { from: number; collector: Collector }[] = [];
        for (const { kind, count } of steps) {
          const head = log.rows.get('r')?.length ?? 0;
          if (kind === 'local') tail.publish(log.commit('r', count));
          if (kind === 'lost') log.commit('r', count);
          if (kind === 'twice') tail.publish(log.rows.get('r') ?? []);
          if (kind === 'remote') {
            log.commit('r', count);
            tail.hint('r', head + count);
          }
          if (kind === 'open') {
            const from = count % (head + 1);
            readers.push({ from, collector: new Collector(await tail.open('r', from, stop().signal)) });
          }
          if (kind === 'pause') for (let turns = 0; turns < count; turns++) await Promise.resolve();
        }
        tail.publish(log.commit('r', 1));
        const head = log.rows.get('r')?.length ?? 0;
        await Promise.all(readers.map(({ collector }) => collector.until(head)));
        for (const { from, collector } of readers) expect(collector.seqs).toEqual(upTo(head, from + 1));
      }),
      { numRuns: 200 },
    );
  });
});
