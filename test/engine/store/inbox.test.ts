import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Caller } from '../../../packages/server/src/engine/caller.ts';
import type { InboxQuery } from '../../../packages/server/src/engine/facade-inbox.ts';
import { createInbox } from '../../../packages/server/src/store/inbox.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { allPages, listOf, some } from './list-reference.ts';
import { ACTOR, insertOrganization, insertRun } from './rows.ts';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 4 });
  for (const id of [1, 2]) await insertOrganization(database.sql, id);
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});

const TIMES = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z', '2026-02-01T12:00:00.500Z'] as const;
const BODY =
  '{"prompt":"?","args":null,"digest":null,"schema":null,"childRunId":null,"approvers":null,"deadline":[],"onExpire":"continue"}';

/** What the brute-force reference knows of an item. */
interface Known {
  id: string;
  kind: string;
  hold: string | null;
  assignee: string | null;
  agent: string | null;
  at: string;
  deadlineAt: string | null;
  isSnoozed: boolean;
}

function caller(organizationId: number): Caller {
  return { organizationId, principalId: 'p', keyId: 'k', role: 'viewer', actor: ACTOR, via: 'native' };
}

it('shows by any filters what a look at everything finds, in order, page by page', async () => {
  const inbox = createInbox(pool);
  const known: Known[] = [];
  const samples = fc.sample(
    fc.record({
      agent: fc.constantFrom(null, 'agent_1', 'agent_2'),
      ended: fc.constantFrom(false, false, false, true),
      holds: fc.subarray(['operator', 'budget', 'policy', 'parent', 'night']),
      since: fc.constantFrom(...TIMES),
      kind: fc.constantFrom('approval', 'tool_output', 'input', 'in_doubt', 'timer', 'run'),
      state: fc.constantFrom('open', 'open', 'open', 'resolved'),
      assignee: fc.constantFrom(null, 'p1', 'team'),
      deadlineAt: fc.constantFrom(null, ...TIMES),
      snoozed: fc.constantFrom(null, '2020-01-01T00:00:00.000Z', '2090-01-01T00:00:00.000Z'),
      openedAt: fc.constantFrom(...TIMES),
    }),
    { numRuns: 90, seed: 11 },
  );
  for (const [index, sample] of samples.entries()) {
    const { agent, since, openedAt: at, deadlineAt, assignee } = sample;
    const holds = sample.holds.map((name) => ({ name, reason: null, by: ACTOR, since, stopClock: true }));
    const state = sample.ended
      ? { status: 'cancelled' as const, finishedAt: TIMES[2], holds }
      : { status: 'paused' as const, holds };
    const run = await insertRun(database.sql, { agent_id: agent }, state);
    const id = `wait_${String((index * 37) % 90).padStart(2, '0')}`;
    await database.sql`insert into waits (id, run_id, organization_id, kind, state, assignee, body, deadline_at,
        snoozed_until, opened_at, opened_seq)
      values (${id}, ${run.id}, 1, ${sample.kind}, ${sample.state}, ${assignee}, ${BODY}, ${deadlineAt},
        ${sample.snoozed}, ${at}, 1)`;
    if (sample.state === 'open' && sample.kind !== 'timer' && sample.kind !== 'run') {
      const isSnoozed = sample.snoozed?.startsWith('2090') === true;
      known.push({ id, kind: sample.kind, hold: null, assignee, agent, at, deadlineAt, isSnoozed });
    }
    for (const hold of sample.ended ? [] : sample.holds) {
      const item = { assignee: null, agent, at: since, deadlineAt: null, isSnoozed: false };
      known.push({ id: `hold_${run.id}_${hold}`, kind: 'hold', hold, ...item });
    }
  }
  const query: fc.Arbitrary<InboxQuery> = fc.record({
    kind: listOf(['approval', 'input', 'tool_output', 'in_doubt', 'hold']) as fc.Arbitrary<
      InboxQuery['kind']
    >,
    hold: listOf(['operator', 'budget', 'night']),
    assignee: listOf(['p1', 'team', 'nobody']),
    agent: listOf(['agent_1', 'other']),
    standingBefore: some(fc.constantFrom(...TIMES)),
    deadlineBefore: some(fc.constantFrom(...TIMES)),
    snoozed: some(fc.boolean()),
    orderBy: some(fc.constantFrom('age' as const, 'deadline' as const)),
    limit: fc.integer({ min: 5, max: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(query, async (filters) => {
      const kinds: readonly string[] = filters.kind ?? ['approval', 'input', 'in_doubt', 'hold'];
      const holds = filters.hold ?? ['operator', 'budget', 'policy', 'provider'];
      const place = (item: Known): string =>
        `${filters.orderBy === 'deadline' ? (item.deadlineAt ?? '9') : ''} ${item.at} ${item.id}`;
      const expected = known
        .filter(
          (item) =>
            kinds.includes(item.kind) &&
            (item.hold === null || holds.includes(item.hold)) &&
            (filters.assignee === undefined ||
              (item.assignee !== null && filters.assignee.includes(item.assignee))) &&
            (filters.agent === undefined || (item.agent !== null && filters.agent.includes(item.agent))) &&
            (filters.standingBefore === undefined || item.at < filters.standingBefore) &&
            (filters.deadlineBefore === undefined ||
              (item.deadlineAt !== null && item.deadlineAt < filters.deadlineBefore)) &&
            (filters.snoozed === true || !item.isSnoozed),
        )
        .toSorted((a, b) => (place(a) < place(b) ? -1 : 1))
        .map((item) => item.id);
      const found = await allPages((paged: InboxQuery) => inbox.list(caller(1), paged), filters);
      expect(found.map((item) => item.id)).toEqual(expected);
      expect((await inbox.list(caller(2), filters)).data).toEqual([]);
    }),
    { numRuns: 150 },
  );
  const counts = await inbox.counts(caller(1));
  const shown = await allPages((paged: InboxQuery) => inbox.list(caller(1), paged), { limit: 50 });
  expect(counts.total).toBe(shown.length);
  for (const kind of ['approval', 'input', 'in_doubt', 'hold']) {
    expect([kind, counts.byKind[kind]]).toEqual([kind, shown.filter((item) => item.kind === kind).length]);
  }
});
