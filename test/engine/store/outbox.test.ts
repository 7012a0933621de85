import { randomUUID } from 'node:crypto';
import { systemActor, type RunEvent } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childBody } from '../../../packages/server/src/engine/commands.fixture.ts';
import type { CommitResult } from '../../../packages/server/src/engine/commit.ts';
import { EngineError } from '../../../packages/server/src/engine/errors.ts';
import type { SentCommand } from '../../../packages/server/src/engine/outbox.ts';
import { Committer } from '../../../packages/server/src/store/committer.ts';
import { testDatabase, type TestDatabase } from '../../world/database.ts';

const BY = systemActor('test');
const PARENT = randomUUID();

let database: TestDatabase;
let first: Committer;
let second: Committer;
const sent: string[][] = [];

beforeAll(async () => {
  database = await testDatabase();
  [first, second] = [committer(), committer()];
});
afterAll(async () => {
  await first.close();
  await second.close();
  await database[Symbol.asyncDispose]();
});

function committer(): Committer {
  return new Committer({
    target: database.target,
    listener: {
      offer: () => null,
      withdraw: () => undefined,
      claimed: () => undefined,
      committed: () => undefined,
      sent: (runIds) => void sent.push([...runIds]),
    },
    addJobs: () => null,
    newId: (prefix) => `${prefix}${randomUUID()}`,
    organizationConcurrency: null,
  });
}

async function childRun(): Promise<string> {
  const runId = randomUUID();
  const parent = { runId: PARENT, callId: 'call_1_1_1', waitId: 'wait_1' };
  await first.commit({ create: { runId, created: childBody({ parent }), secrets: null } });
  return runId;
}

function hold(parentSeq: number): SentCommand {
  const more = { reason: null, at: 'checkpoint', stopClock: true, parentSeq } as const;
  return { type: 'treeHold', parentId: PARENT, by: BY, ...more };
}

/** A row that the parent's commit would have left. */
async function leave(runId: string, command: SentCommand): Promise<number> {
  const [row] = await database.sql<{ id: number }[]>`
    insert into outbox (run_id, sender_id, sender_seq, command)
    values (${runId}, ${PARENT}, 1, ${JSON.stringify(command)}::text::json) returning id`;
  return row?.id ?? 0;
}

function apply(by: Committer, runId: string, outboxId: number, command: SentCommand): Promise<CommitResult> {
  return by.commit({ runId, organizationId: null, commands: [command], outboxId });
}

async function typesOf(runId: string): Promise<string[]> {
  const events = await database.sql<RunEvent[]>`select type from events where run_id = ${runId} order by seq`;
  return events.map((event) => event.type);
}

async function rowsFor(runId: string): Promise<SentCommand[]> {
  const rows = await database.sql<{ command: SentCommand }[]>`
    select command from outbox where run_id = ${runId} order by id`;
  return rows.map((row) => row.command);
}

describe('the outbox', () => {
  it('holds what a commit leaves for another run, and the process is told for whom', async () => {
    const runId = await childRun();
    await first.commit({
      runId,
      organizationId: null,
      commands: [{ type: 'cancel', by: BY, reason: null }],
    });
    expect(sent).toContainEqual([PARENT]);
    expect(await rowsFor(PARENT)).toMatchObject([
      { type: 'childFinished', childRunId: runId, status: 'cancelled', childSeq: 2 },
    ]);
    await database.sql`delete from outbox`;
  });

  it('gives a row to one of many that would apply it, and to the others nothing', async () => {
    for (let round = 1; round <= 20; round += 1) {
      const runId = await childRun();
      const id = await leave(runId, hold(round));
      const results = await Promise.all(
        [first, second, first, second].map((by) => apply(by, runId, id, hold(round))),
      );
      expect(results.filter((result) => result.events.length > 0)).toHaveLength(1);
      expect((await typesOf(runId)).filter((type) => type === 'hold.placed')).toHaveLength(1);
      expect(await rowsFor(runId)).toEqual([]);
    }
  });

  it('drops a row whose command is refused, or older than what its receiver has applied', async () => {
    const runId = await childRun();
    await apply(first, runId, await leave(runId, hold(9)), hold(9));
    const before = await typesOf(runId);
    expect(await apply(first, runId, await leave(runId, hold(8)), hold(8))).toMatchObject({ events: [] });
    expect([await typesOf(runId), await rowsFor(runId)]).toEqual([before, []]);

    const nobody = randomUUID();
    const lost = apply(first, nobody, await leave(nobody, hold(1)), hold(1));
    await expect(lost).rejects.toMatchObject(new EngineError('not_found', 'there is no such run'));
    expect(await database.sql`select id from outbox where run_id = ${nobody}`).toEqual([]);
  });

  it('keeps a row whose transaction is rolled back', async () => {
    const runId = await childRun();
    const id = await leave(runId, hold(3));
    const broken = new Committer({
      target: database.target,
      listener: {
        offer: () => null,
        withdraw: () => undefined,
        claimed: () => undefined,
        committed: () => undefined,
      },
      addJobs: () => ({ text: 'select 1 / 0', values: ['[]'] }),
      newId: (prefix) => `${prefix}${randomUUID()}`,
      organizationConcurrency: null,
    });
    await expect(apply(broken, runId, id, hold(3))).rejects.toThrow();
    await broken.close();
    expect(await rowsFor(runId)).toHaveLength(1);
    expect(await typesOf(runId)).not.toContain('hold.placed');
    await apply(second, runId, id, hold(3));
    expect(await rowsFor(runId)).toEqual([]);
  });
});
