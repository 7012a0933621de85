import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SweepReads } from '../../../packages/server/src/engine/ports.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createRetention } from '../../../packages/server/src/store/retention.ts';
import { createSweepReads } from '../../../packages/server/src/store/sweep-reads.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { insertOrganization, insertRun } from './rows.ts';

let database: TestDatabase;
let pool: Pool;
let sweep: SweepReads;
beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 2 });
  sweep = createSweepReads(pool);
  for (const id of [1, 2, 3]) await insertOrganization(database.sql, id);
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});
beforeEach(
  () => database.sql`truncate runs, run_state, waits, events, executors, outbox, replies, records, blobs,
  blob_references`,
);

const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();

async function run(dispatch: Record<string, unknown>, organizationId = 1): Promise<string> {
  return (await insertRun(database.sql, { organization_id: organizationId }, {}, dispatch)).id;
}

async function executor(dead: boolean): Promise<string> {
  const id = randomUUID();
  const lockKey = Math.floor(Math.random() * 2 ** 48);
  await database.sql`insert into executors (id, lock_key, name, dead_at)
    values (${id}, ${lockKey}, 'p', ${dead ? ago(1) : null})`;
  return id;
}

const claimBy = (executorId: string): Record<string, unknown> => ({
  claim: `${executorId}:token`,
  executor_id: executorId,
  due_at: ago(60),
  epoch: 3,
});

describe('the sweep', () => {
  it('finds runs that are due and unclaimed for longer than the grace, oldest first', async () => {
    const later = await run({ due_at: ago(10) });
    const first = await run({ due_at: ago(20) });
    await run({ due_at: ago(1) });
    await run({ due_at: ago(-60) });
    await run({ due_at: 'infinity' });
    await run({});
    await run(claimBy(await executor(false)));
    expect((await sweep.dueUnclaimed(5000, 500)).map((row) => row.runId)).toEqual([first, later]);
    expect(await sweep.dueUnclaimed(5000, 1)).toMatchObject([
      { runId: first, organizationId: 1, status: 'running', head: 1, epoch: 0, claim: null, attempts: 0 },
    ]);
  });

  it('finds runs claimed by a dead executor or one that has no row', async () => {
    const [alive, dead, unknown] = [await executor(false), await executor(true), randomUUID()];
    await run(claimBy(alive));
    const orphans = [await run(claimBy(dead)), await run(claimBy(unknown))];
    const rows = await sweep.abandoned(500);
    expect(rows.map((row) => row.runId)).toEqual(orphans);
    expect(rows[0]).toMatchObject({ epoch: 3, claim: `${dead}:token`, executorId: dead });
  });

  it('lists what an executor has claimed, page by page', async () => {
    const [mine, other] = [await executor(false), await executor(false)];
    const runs: string[] = [];
    for (let count = 0; count < 5; count++) runs.push(await run(claimBy(mine)));
    await run(claimBy(other));
    const first = await sweep.claimedBy(mine, 3);
    const second = await sweep.claimedBy(mine, 3, first.at(-1)?.runId);
    expect([...first, ...second].map((row) => row.runId)).toEqual([...runs].sort());
  });

  it('fills the room of every organization that has some, oldest runs first', async () => {
    const someone = await executor(false);
    const waiting: string[][] = [];
    for (const organization of [1, 2, 3]) {
      const runs: string[] = [];
      for (let count = 0; count < 4; count++) runs.push(await run({ due_at: 'infinity' }, organization));
      waiting.push(runs);
      for (let count = 0; count < organization; count++) await run(claimBy(someone), organization);
    }
    const ids = async (organizationId?: number): Promise<string[]> =>
      (await sweep.roomFor(3, 500, organizationId)).map((row) => row.runId);
    const [first = [], second = []] = waiting;
    expect(await ids()).toEqual([...first.slice(0, 2), ...second.slice(0, 1)]);
    expect(await ids(2)).toEqual(second.slice(0, 1));
    expect(await ids(3)).toEqual([]);
    expect(await sweep.roomFor(10, 5)).toHaveLength(5);
  });

  it('finds waits and runs whose time has come', async () => {
    const id = await run({});
    const wait = async (name: string, deadlineAt: string | null, state = 'open'): Promise<void> => {
      await database.sql`insert into waits (id, run_id, organization_id, kind, state, body, deadline_at, opened_at, opened_seq)
        values (${name}, ${id}, 1, 'timer', ${state}, '{}', ${deadlineAt}, now(), 1)`;
    };
    await wait('later', ago(-60));
    await wait('due', ago(5));
    await wait('older', ago(50));
    await wait('none', null);
    await wait('closed', ago(5), 'expired');
    expect((await sweep.dueWaits(500)).map((row) => row.waitId)).toEqual(['older', 'due']);
    expect(await sweep.dueWaits(1)).toMatchObject([{ runId: id, organizationId: 1, kind: 'timer' }]);
    const past = await run({ deadline_at: ago(1) });
    await run({ deadline_at: ago(-100) });
    expect((await sweep.pastDeadline(500)).map((row) => row.runId)).toEqual([past]);
    expect(Date.parse((await sweep.nextDeadline()) ?? '')).toBeLessThan(Date.now() - 49_000);
  });

  it('finds what was not delivered to another run', async () => {
    const id = await run({});
    await database.sql`insert into outbox (run_id, sender_id, sender_seq, command, created_at)
      values (${id}, ${id}, 7, '{"type":"cancel"}', ${ago(10)}), (${id}, ${id}, 8, '{}', now())`;
    expect(await sweep.undelivered(5000, 500)).toMatchObject([
      { runId: id, senderId: id, senderSeq: 7, command: { type: 'cancel' } },
    ]);
  });

  it('reads by partial indexes, not by looking through every run', async () => {
    await database.sql`
      insert into runs (id, number, organization_id, created_by, mode, kind, origin, metadata, created_at)
      select gen_random_uuid(), nextval('run_number'), 1, '{}', 'managed', 'agent', 'native', '{}', now()
      from generate_series(1, 5000)`;
    await database.sql`
      insert into run_state (run_id, organization_id, number, status, head, state)
      select id, 1, number, 'paused', 1, '{}' from runs`;
    await database.sql`analyze run_state`;
    const plans: string[] = [];
    for (const condition of [
      `claim is null and due_at < now() - interval '5 s' order by due_at limit 500`,
      `claim is not null and executor_id = gen_random_uuid() order by run_id limit 500`,
      `due_at = 'infinity' and claim is null order by organization_id limit 1`,
      `organization_id = 1 and claim is not null`,
      `deadline_at is not null and deadline_at <= now() order by deadline_at limit 500`,
    ]) {
      const plan = await database.sql.unsafe(`explain select from run_state where ${condition}`);
      plans.push(plan.map((row) => String(row['QUERY PLAN'])).join('\n'));
    }
    for (const plan of plans) expect(plan).not.toContain('Seq Scan');
  });
});

describe('retention', () => {
  it('deletes what has expired and nothing else', async () => {
    const retention = createRetention(pool);
    const id = await run({});
    await database.sql`insert into replies (scope, fingerprint, status, body, expires_at)
      values ('\\x01', '\\x', 200, '{}', ${ago(1)}), ('\\x02', '\\x', 200, '{}', ${ago(-60)})`;
    await database.sql`insert into records (organization_id, face, collection, id, data, expires_at)
      values (1, 'telnyx', 'c', 'old', '{}', ${ago(1)}), (1, 'telnyx', 'c', 'new', '{}', null)`;
    await database.sql`insert into blobs (organization_id, digest, media_type, size_bytes, bytes, touched_at)
      values (1, '\\x01', 'a/b', 1, '\\x00', ${ago(90_000)}), (1, '\\x02', 'a/b', 1, '\\x00', ${ago(90_000)}),
        (1, '\\x03', 'a/b', 1, '\\x00', now()), (2, '\\x01', 'a/b', 1, '\\x00', ${ago(90_000)})`;
    await database.sql`insert into blob_references (organization_id, digest, run_id) values (1, '\\x02', ${id})`;
    const [gone, busy] = [await executor(true), await executor(true)];
    await executor(true);
    await database.sql`update executors set dead_at = now() - interval '2 days' where id in (${gone}, ${busy})`;
    await run(claimBy(busy));
    await database.sql`insert into jobs (id, organization_id, action, status, caller, total, finished_at)
      values ('job_old', 1, 'pause', 'succeeded', '{}', 2, now() - interval '8 days'),
        ('job_new', 1, 'pause', 'succeeded', '{}', 1, now()), ('job_open', 1, 'pause', 'running', '{}', 1, null)`;
    await database.sql`insert into job_items (job_id, position, run_id)
      select job_id, position, ${id} from (values ('job_old', 1), ('job_old', 2), ('job_new', 1), ('job_open', 1))
        as item (job_id, position)`;
    expect([
      await retention.expiredReplies(100),
      await retention.expiredRecords(100),
      await retention.unusedBlobs(1),
      await retention.unusedBlobs(100),
      await retention.deadExecutors(100),
      await retention.endedJobItems(1),
      await retention.endedJobItems(100),
      await retention.endedJobItems(100),
    ]).toEqual([1, 1, 1, 1, 1, 1, 1, 0]);
    expect(await database.sql`select encode(digest, 'hex') as digest from blobs order by 1`).toEqual([
      { digest: '02' },
      { digest: '03' },
    ]);
  });

  it('deletes windows of requests that are over, and attempts at webhooks after 30 days', async () => {
    const now = Date.now();
    await database.sql`insert into rate_limits (key, points, expire)
      values ('over', 1, ${now - 3_600_000}), ('just over', 1, ${now - 1000}), ('open', 1, ${now + 60_000})`;
    for (const days of [31, 29]) {
      await database.sql`
        insert into webhook_deliveries (organization_id, webhook_id, run_id, seq, event_type, attempt, is_last,
          started_at, duration_ms)
        values (1, 'hook_1', gen_random_uuid(), ${days}, 'run.failed', 1, true,
          now() - make_interval(days => ${days}), 1)`;
    }
    const retention = createRetention(pool);
    expect([await retention.endedRateLimits(100), await retention.oldDeliveries(100)]).toEqual([1, 1]);
    expect(await database.sql`select seq from webhook_deliveries`).toEqual([{ seq: 29 }]);
  });
});
