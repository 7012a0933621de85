import type { RunEvent } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunHint } from '../../../packages/server/src/engine/ports.ts';
import { EventTail } from '../../../packages/server/src/eventlog/tail.ts';
import { createEventReads } from '../../../packages/server/src/store/events.ts';
import { HintHub, payloadsOf } from '../../../packages/server/src/store/hints.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { appendDeltas, insertOrganization, insertRun } from './rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  await insertOrganization(database.sql, 1);
});
afterAll(() => database[Symbol.asyncDispose]());

/** What one process has of the event log's reading side, wired as a server does it. */
class Process implements AsyncDisposable {
  readonly pool = new Pool(database.target, { part: 'reads', size: 4 });
  readonly hub = new HintHub(database.target);
  readonly tail: EventTail;

  constructor(pollMs: number) {
    this.tail = new EventTail(createEventReads(this.pool), { pollMs });
    this.hub.listen({
      onHint: (hint, local) => {
        if (!local) this.tail.hint(hint.runId, hint.head);
      },
      onResync: () => this.tail.resync(),
    });
  }

  /** Commits and tells, as the committer does. */
  async commit(runId: string, first: number, count: number): Promise<void> {
    const events = await appendDeltas(database.sql, runId, first, count);
    this.tail.publish(events);
    this.hub.send([hintOf(runId, first + count - 1)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tail[Symbol.asyncDispose]();
    await this.hub[Symbol.asyncDispose]();
    await this.pool.close();
  }
}

function hintOf(runId: string, head: number, organizationId = 1): RunHint {
  return { runId, head, organizationId, status: 'running', openWaits: 0 };
}

/** Reads until `last`, and returns the seqs. */
async function readUntil(stream: AsyncIterable<RunEvent[] | null>, last: number): Promise<number[]> {
  const seqs: number[] = [];
  for await (const batch of stream) {
    for (const event of batch ?? []) seqs.push(event.seq);
    if ((seqs.at(-1) ?? 0) >= last) break;
  }
  return seqs;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const never = (): AbortSignal => new AbortController().signal;

describe('two processes on one database', () => {
  it('read each other’s commits by hints alone', async () => {
    await using one = new Process(3_600_000);
    await using two = new Process(3_600_000);
    await Promise.all([one.hub.ready, two.hub.ready]);
    const { id } = await insertRun(database.sql, {}, { head: 0 });
    const streams = await Promise.all([one, two].map((process) => process.tail.open(id, 0, never())));
    const reading = Promise.all(streams.map((stream) => readUntil(stream, 600)));
    for (let first = 1; first <= 600; first += 10) {
      await (first % 20 === 1 ? one : two).commit(id, first, 10);
    }
    expect(await reading).toEqual([upTo(600), upTo(600)]);
  });

  it('find by the slow poll what a lost notification did not tell', async () => {
    await using reading = new Process(20);
    const { id } = await insertRun(database.sql, {}, { head: 0 });
    await appendDeltas(database.sql, id, 1, 3);
    const stream = await reading.tail.open(id, 0, never());
    const seqs = readUntil(stream, 5);
    await appendDeltas(database.sql, id, 4, 2);
    expect(await seqs).toEqual(upTo(5));
  });

  it('look at once when their listening connection was cut', async () => {
    await using one = new Process(3_600_000);
    await using two = new Process(3_600_000);
    await Promise.all([one.hub.ready, two.hub.ready]);
    const { id } = await insertRun(database.sql, {}, { head: 0 });
    await appendDeltas(database.sql, id, 1, 1);
    const seqs = readUntil(await two.tail.open(id, 0, never()), 4);
    let resyncs = 0;
    const again = new Promise<void>((resolve) => {
      two.hub.listen({
        onHint: () => {},
        onResync: () => {
          resyncs++;
          resolve();
        },
      });
    });
    expect(await database.cutSessions('listen')).toBe(2);
    await appendDeltas(database.sql, id, 2, 3);
    await again;
    expect(await seqs).toEqual(upTo(4));
    expect(resyncs).toBe(1);
    const more = readUntil(await two.tail.open(id, 4, never()), 5);
    await one.commit(id, 5, 1);
    expect(await more).toEqual([5]);
  });

  it('serve a thousand readers of one run, and of a thousand runs', async () => {
    await using one = new Process(1000);
    await using two = new Process(1000);
    await Promise.all([one.hub.ready, two.hub.ready]);
    const { id } = await insertRun(database.sql, {}, { head: 0 });
    const streams = await Promise.all(Array.from({ length: 1000 }, () => two.tail.open(id, 0, never())));
    const reading = Promise.all(streams.map((stream) => readUntil(stream, 100)));
    for (let first = 1; first <= 100; first += 5) await one.commit(id, first, 5);
    for (const seqs of await reading) expect(seqs).toEqual(upTo(100));
    expect(two.tail.readerCount).toBe(0);

    const runs = await Promise.all(
      Array.from({ length: 1000 }, async () => (await insertRun(database.sql, {}, { head: 0 })).id),
    );
    const many = await Promise.all(runs.map((run) => two.tail.open(run, 0, never())));
    const all = Promise.all(many.map((stream) => readUntil(stream, 2)));
    for (const run of runs) await one.commit(run, 1, 2);
    for (const seqs of await all) expect(seqs).toEqual([1, 2]);
  });
});

describe('hints', () => {
  it('reach local listeners at once, others once, and never come back to their sender', async () => {
    await using one = new HintHub(database.target);
    await using two = new HintHub(database.target);
    await Promise.all([one.ready, two.ready]);
    const heard: string[] = [];
    const listen = (hub: HintHub, name: string): Promise<void> =>
      new Promise((resolve) => {
        hub.listen({
          onHint: (hint, local) => {
            heard.push(`${name} ${local ? 'local' : 'remote'} ${hint.runId} ${hint.head}`);
            if (hint.runId === 'last' && !local) resolve();
          },
          onResync: () => {},
        });
      });
    void listen(one, 'one');
    const arrived = listen(two, 'two');
    one.send([hintOf('a', 1)]);
    one.send([hintOf('a', 3), hintOf('b', 1)]);
    one.send([hintOf('a', 2)]);
    expect(heard).toEqual(['one local a 1', 'one local a 3', 'one local b 1', 'one local a 2']);
    one.send([hintOf('last', 1)]);
    await arrived;
    expect(heard.slice(5)).toEqual(['two remote a 3', 'two remote b 1', 'two remote last 1']);
  });

  it('fit into notifications, however many there are', async () => {
    const hints = Array.from({ length: 1000 }, (_, index) => hintOf(crypto.randomUUID(), 1_000_000 + index));
    const payloads = payloadsOf(crypto.randomUUID(), hints);
    for (const payload of payloads) expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(7500);
    await using one = new HintHub(database.target);
    await using two = new HintHub(database.target);
    await Promise.all([one.ready, two.ready]);
    const missing = new Set(hints.map((hint) => hint.runId));
    const all = new Promise<void>((resolve) => {
      two.listen({
        onHint: (hint) => {
          missing.delete(hint.runId);
          if (missing.size === 0) resolve();
        },
        onResync: () => {},
      });
    });
    one.send(hints);
    await all;
  });

  it('are ignored when they are not understood', async () => {
    await using hub = new HintHub(database.target);
    await hub.ready;
    const heard = new Promise<RunHint>((resolve) => {
      hub.listen({ onHint: resolve, onResync: () => {} });
    });
    await database.sql`select pg_notify('fermata_runs', payload) from unnest(${[
      'not json',
      '{}',
      '{"from":"x","runs":[["a",1]]}',
      '{"from":"x","runs":[["right",7,1,"paused",2]]}',
    ]}::text[]) payload`;
    expect(await heard).toEqual({
      runId: 'right',
      head: 7,
      organizationId: 1,
      status: 'paused',
      openWaits: 2,
    });
  });

  it('make a feed of changes for one organization, coalesced while nobody takes them', async () => {
    await using one = new HintHub(database.target);
    await using two = new HintHub(database.target, { heartbeatMs: 30 });
    await Promise.all([one.ready, two.ready]);
    const controller = new AbortController();
    const feed = two.changes(1, controller.signal)[Symbol.asyncIterator]();
    const fence = new Promise<void>((resolve) => {
      two.listen({ onHint: (hint) => void (hint.runId === 'fence' && resolve()), onResync: () => {} });
    });
    for (let head = 1; head <= 50; head++) one.send([hintOf('a', head), hintOf('b', head, 2)]);
    one.send([hintOf('fence', 1, 3)]);
    await fence;
    expect((await feed.next()).value).toEqual([{ runId: 'a', head: 50, status: 'running', openWaits: 0 }]);
    expect((await feed.next()).value).toBeNull();
    controller.abort();
    expect((await feed.next()).done).toBe(true);
  });
});
