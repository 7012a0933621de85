import { randomUUID } from 'node:crypto';
import type { Actor } from '@fermata/protocol';
import { expect, test } from 'vitest';
import type { Command } from '../../packages/server/src/engine/commands.ts';
import type { CommitListener } from '../../packages/server/src/engine/commit.ts';
import type { NewRun } from '../../packages/server/src/engine/new-run.ts';
import { EngineError } from '../../packages/server/src/engine/errors.ts';
import { fold } from '../../packages/server/src/engine/apply.ts';
import { Committer } from '../../packages/server/src/store/committer.ts';
import { createEventReads } from '../../packages/server/src/store/events.ts';
import { Pool } from '../../packages/server/src/store/pool.ts';
import { testDatabase, type TestDatabase } from '../world/database.ts';

const by: Actor = { type: 'principal', id: 'p1', name: 'Ada' };

const NOBODY: CommitListener = {
  offer: () => null,
  withdraw: () => {},
  claimed: () => {},
  committed: () => {},
};

function committerOn(database: TestDatabase, listener: CommitListener = NOBODY): Committer {
  return new Committer({
    target: database.target,
    listener,
    addJobs: () => null,
    newId: (prefix) => `${prefix}${randomUUID()}`,
    organizationConcurrency: null,
    onError: (error) => console.error(error),
  });
}

function newRun(fields: Partial<NewRun['created']> = {}): NewRun {
  return {
    runId: randomUUID(),
    secrets: null,
    created: {
      organizationId: 1,
      by,
      key: null,
      mode: 'managed',
      kind: 'agent',
      origin: 'native',
      agent: { id: null, name: 'a', model: 'script/echo', version: null },
      flow: null,
      title: null,
      sessionId: null,
      missionId: null,
      parent: null,
      forkedFrom: null,
      input: 'hello',
      limits: {},
      onLimit: 'fail',
      onProviderFailure: 'fail',
      metadata: {},
      face: null,
      startAt: null,
      traceparent: null,
      ...fields,
    },
  };
}

const pause: Command = {
  type: 'pause',
  by,
  reason: 'why',
  hold: 'operator',
  at: 'checkpoint',
  stopClock: true,
};
const resume: Command = { type: 'resume', by, reason: null, hold: null, limits: null, model: null };

test('a run is created, paused and resumed, and its projection is the fold of its log', async () => {
  await using database = await testDatabase();
  await using committer = committerOn(database);
  await using pool = new Pool(database.target, { part: 'reads', size: 2 });
  const run = newRun();
  const created = await committer.commit({ create: run, view: true });
  expect(created.run?.status).toBe('queued');
  const target = { runId: run.runId, organizationId: 1 };
  const paused = await committer.commit({ ...target, commands: [pause], view: true });
  expect(paused.run?.status).toBe('paused');
  expect(paused.dispatch.dueAt).toBeNull();
  const again = await committer.commit({ ...target, commands: [pause] });
  expect(again.decisions[0]?.changed).toBe(false);
  expect(again.events).toEqual([]);
  const resumed = await committer.commit({ ...target, commands: [resume], view: true });
  expect(resumed.run?.status).toBe('queued');
  expect(resumed.dispatch.epoch).toBe(2);
  const events = await createEventReads(pool).readFrom(run.runId, 0, 100);
  expect(events.map((event) => event.type)).toEqual([
    'run.created',
    'hold.placed',
    'run.pausing',
    'run.paused',
    'hold.released',
    'run.resumed',
  ]);
  expect(events.map((event) => event.seq)).toEqual([1, 2, 3, 4, 5, 6]);
  const [row] = await database.sql`select state from run_state`;
  expect(row?.['state']).toEqual(fold(events));
});

test('commands of one tick share a batch, in order, and one refusal does not concern the others', async () => {
  await using database = await testDatabase();
  await using committer = committerOn(database);
  const runs = Array.from({ length: 300 }, () => newRun());
  await Promise.all(runs.map((run) => committer.commit({ create: run })));
  const results = await Promise.allSettled(
    runs.flatMap((run, index) => [
      committer.commit({ runId: run.runId, organizationId: index % 3 === 0 ? 2 : 1, commands: [pause] }),
      committer.commit({ runId: run.runId, organizationId: 1, commands: [resume] }),
    ]),
  );
  expect(results.filter((result) => result.status === 'rejected')).toHaveLength(100);
  const statuses = await database.sql`select distinct status from run_state`;
  expect(statuses).toEqual([{ status: 'queued' }]);
});

test('a key names one run, however many ask at once', async () => {
  await using database = await testDatabase();
  await using one = committerOn(database);
  await using two = committerOn(database);
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      (index % 2 === 0 ? one : two).commit({ create: newRun({ key: 'order-1' }), view: true }),
    ),
  );
  expect(new Set(results.map((result) => result.run?.id)).size).toBe(1);
  expect(results.filter((result) => !result.existing)).toHaveLength(1);
});

test('a repeated request gets the stored reply, another body is refused, twins in one batch share a reply', async () => {
  await using database = await testDatabase();
  await using committer = committerOn(database);
  const run = newRun();
  await committer.commit({ create: run });
  const scope = 'ab'.repeat(32);
  const request = (fingerprint: string): Parameters<Committer['commit']>[0] => ({
    runId: run.runId,
    organizationId: 1,
    commands: [pause],
    idempotency: {
      key: { scope, fingerprint },
      encode: (result) => ({ status: 200, body: JSON.stringify({ head: result.state.head }) }),
    },
  });
  const twins = await Promise.allSettled([1, 2].map(() => committer.commit(request('01'.repeat(32)))));
  expect(twins[0]?.status).toBe('fulfilled');
  expect(twins[1]).toMatchObject({
    status: 'rejected',
    reason: { reply: { status: 200, body: '{"head":4}' } },
  });
  await expect(committer.commit(request('02'.repeat(32)))).rejects.toMatchObject({
    code: 'idempotency_conflict',
  });
});

test('an unknown run is not found, and a locked one is waited for', async () => {
  await using database = await testDatabase();
  await using committer = committerOn(database);
  const unknown = committer.commit({ runId: randomUUID(), organizationId: 1, commands: [pause] });
  await expect(unknown).rejects.toMatchObject({ code: 'not_found' });
  const run = newRun();
  const other = newRun();
  await Promise.all([committer.commit({ create: run }), committer.commit({ create: other })]);
  await database.sql`begin`;
  await database.sql`select 1 from run_state where run_id = ${run.runId} for update`;
  const waiting = committer.commit({ runId: run.runId, organizationId: 1, commands: [pause] });
  const free = await committer.commit({ runId: other.runId, organizationId: 1, commands: [pause] });
  expect(free.state.status).toBe('paused');
  await database.sql`commit`;
  expect((await waiting).state.status).toBe('paused');
});

test('an event that is too large refuses its own command only', async () => {
  await using database = await testDatabase();
  await using committer = committerOn(database);
  const runs = [newRun(), newRun()];
  await Promise.all(runs.map((run) => committer.commit({ create: run })));
  const note = (summary: string): Command => ({
    type: 'note',
    by,
    note: { by, noteType: 'n', summary, data: null, key: null },
  });
  const [big, small] = await Promise.allSettled([
    committer.commit({
      runId: runs[0]?.runId ?? '',
      organizationId: 1,
      commands: [note('x'.repeat(3_000_000))],
    }),
    committer.commit({ runId: runs[1]?.runId ?? '', organizationId: 1, commands: [note('y')] }),
  ]);
  expect(big).toMatchObject({ status: 'rejected', reason: { code: 'payload_too_large' } });
  expect(small?.status).toBe('fulfilled');
});

test('what PostgreSQL cannot store fails alone', async () => {
  await using database = await testDatabase();
  await using committer = committerOn(database);
  const runs = Array.from({ length: 20 }, () => newRun());
  await Promise.all(runs.map((run) => committer.commit({ create: run })));
  const results = await Promise.allSettled(
    runs.map((run, index) =>
      committer.commit({
        runId: run.runId,
        organizationId: 1,
        commands: [
          {
            type: 'message',
            by,
            messageId: index === 7 ? 'bad\u0000id' : `m${index}`,
            role: 'user',
            parts: [],
            onWaiting: null,
            resume: false,
            reopen: false,
            model: null,
            reason: null,
          },
        ],
      }),
    ),
  );
  expect(results.map((result) => result.status === 'rejected')).toEqual(runs.map((_, index) => index === 7));
  const reason: unknown = results[7]?.status === 'rejected' ? results[7].reason : null;
  expect(reason).toBeInstanceOf(EngineError);
});
