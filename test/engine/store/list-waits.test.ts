import { randomUUID } from 'node:crypto';
import type { Wait } from '@fermata/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WaitQuery } from '../../../packages/server/src/engine/facade.ts';
import { createEventReads } from '../../../packages/server/src/store/events.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createWaitReads } from '../../../packages/server/src/store/waits.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { allPages, listOf, some } from './list-reference.ts';
import { appendDeltas, insertOrganization, insertRun } from './rows.ts';

let database: TestDatabase;
let pool: Pool;
const times = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z', '2026-02-01T12:00:00.500Z'] as const;

beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 4 });
  for (const id of [1, 2]) await insertOrganization(database.sql, id);
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});

describe('the list of waits', () => {
  it('finds by any filters what a look at every wait finds, oldest first, page by page', async () => {
    const reads = createWaitReads(pool);
    const runs = await Promise.all([1, 2, 3].map(() => insertRun(database.sql)));
    const runIds = runs.map((run) => run.id);
    const rows = fc.sample(
      fc.record({
        run: fc.nat(2),
        kind: fc.constantFrom('approval', 'tool_output', 'input'),
        state: fc.constantFrom('open', 'open', 'open', 'resolved', 'expired'),
        tool: fc.constantFrom(null, 'send', 'look'),
        assignee: fc.constantFrom(null, 'p1', 'team'),
        deadlineAt: fc.constantFrom(null, ...times),
        openedAt: fc.constantFrom(...times),
      }),
      { numRuns: 80, seed: 7 },
    );
    const waits = rows.map((row, index) => ({
      ...row,
      id: `wait_${String((index * 37) % 80)}`,
      runId: runIds[row.run] ?? '',
    }));
    for (const wait of waits) {
      await database.sql`insert into waits (id, run_id, organization_id, kind, state, tool, assignee, body, deadline_at,
          opened_at, opened_seq)
        values (${wait.id}, ${wait.runId}, 1, ${wait.kind}, ${wait.state}, ${wait.tool}, ${wait.assignee},
          ${'{"prompt":"?","args":{"a":1},"digest":null,"schema":null,"childRunId":null,"approvers":null,"deadline":[],"onExpire":"continue"}'},
          ${wait.deadlineAt}, ${wait.openedAt}, 1)`;
    }
    const query: fc.Arbitrary<WaitQuery> = fc.record({
      run: some(fc.constantFrom(...runIds, 'none')),
      kind: listOf(['approval', 'input']) as fc.Arbitrary<WaitQuery['kind']>,
      state: listOf(['open', 'resolved', 'expired']) as fc.Arbitrary<WaitQuery['state']>,
      assignee: some(fc.constantFrom('p1', 'team')),
      tool: listOf(['send', 'look']),
      openedBefore: some(fc.constantFrom(...times)),
      deadlineBefore: some(fc.constantFrom(...times)),
      order: some(fc.constantFrom('asc' as const, 'desc' as const)),
      limit: fc.integer({ min: 7, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(query, async (filters) => {
        const expected = waits
          .filter(
            (wait) =>
              (filters.run === undefined || filters.run === wait.runId) &&
              (filters.kind === undefined || (filters.kind as string[]).includes(wait.kind)) &&
              ((filters.state ?? ['open']) as string[]).includes(wait.state) &&
              (filters.assignee === undefined || filters.assignee === wait.assignee) &&
              (filters.tool === undefined || (wait.tool !== null && filters.tool.includes(wait.tool))) &&
              (filters.openedBefore === undefined || wait.openedAt < filters.openedBefore) &&
              (filters.deadlineBefore === undefined ||
                (wait.deadlineAt !== null && wait.deadlineAt < filters.deadlineBefore)),
          )
          .sort((a, b) => (a.openedAt + a.id < b.openedAt + b.id ? -1 : 1))
          .map((wait) => wait.id);
        if (filters.order === 'desc') expected.reverse();
        const found = await allPages((paged: WaitQuery) => reads.list(1, paged), filters);
        expect(found.map((wait) => wait.id)).toEqual(expected);
        expect((await reads.list(1, { ...filters, total: true })).total).toBe(expected.length);
        expect((await reads.list(2, filters)).data).toEqual([]);
      }),
      { numRuns: 80 },
    );
    const [first] = waits;
    if (first === undefined) throw new Error('no wait was made');
    expect(await reads.byId(1, first.id)).toMatchObject({
      id: first.id,
      runId: first.runId,
      prompt: '?',
      args: { a: 1 },
      tool: first.tool,
      openedAt: first.openedAt,
    } satisfies Partial<Wait>);
    expect(await reads.byId(2, first.id)).toBeNull();
    expect(await reads.byId(1, 'x\u0000')).toBeNull();
  });
});

describe('the pages of a log', () => {
  it('are bounded by seqs, types and number, in both orders', async () => {
    const reads = createEventReads(pool);
    const { id } = await insertRun(database.sql, {}, { head: 0 });
    await appendDeltas(database.sql, id, 1, 30);
    const seqs = async (query: Parameters<typeof reads.page>[1]): Promise<number[]> =>
      (await reads.page(id, query)).map((event) => event.seq);
    expect(await seqs({ after: 3, before: 7, limit: 10 })).toEqual([4, 5, 6]);
    expect(await seqs({ order: 'desc', limit: 2 })).toEqual([30, 29]);
    expect(await seqs({ types: ['run.created'], limit: 2 })).toEqual([]);
    expect(await seqs({ types: ['message.delta', 'run.created'], limit: 2 })).toEqual([1, 2]);
    expect(await seqs({ without: ['message.delta'], limit: 2 })).toEqual([]);
    expect(await reads.page('x', { limit: 1 })).toEqual([]);
    expect(await reads.head(id)).toBe(30);
    expect(await reads.head(randomUUID())).toBeNull();
    expect(await reads.heads([id, randomUUID(), 'x'])).toEqual(new Map([[id, 30]]));
    const [event] = await reads.readFrom(id, 29, 10);
    expect(event).toMatchObject({ runId: id, seq: 30, type: 'message.delta', data: { text: 'delta 30' } });
  });

  it('are bounded by size, and never empty while there is more', async () => {
    const reads = createEventReads(pool);
    const { id } = await insertRun(database.sql, {}, { head: 0 });
    // Text that does not compress: the size that counts is that in the table.
    await database.sql`insert into events (run_id, seq, type, at, v, data)
      select ${id}, n, 'note.logged', now(), 1, json_build_object('text',
        (select string_agg(md5((n * 10000 + i)::text), '') from generate_series(1, 8000) i))
      from generate_series(1, 12) n`;
    let after = 0;
    const sizes: number[] = [];
    for (;;) {
      const page = await reads.readFrom(id, after, 500);
      if (page.length === 0) break;
      expect(page[0]?.seq).toBe(after + 1);
      after = page.at(-1)?.seq ?? 0;
      sizes.push(page.length);
    }
    expect(after).toBe(12);
    expect(Math.max(...sizes)).toBeLessThan(12);
  });
});
