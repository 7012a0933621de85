import type { ChangedReply, Problem, Wait } from '@fermata/protocol';
import { describe, expect, test } from 'vitest';
import type { Sql } from '../../packages/server/src/store/sql.ts';
import { testDatabase } from '../world/database.ts';
import { EffectTarget } from '../world/effects.ts';
import { eventually } from '../world/eventually.ts';
import type { Reply } from '../world/native-client.ts';
import { ServerProcess } from '../world/processes.ts';
import { approvalRun } from './scripts.ts';
import { reaches, seeThrough } from './see-through.ts';

type Answered = Reply<ChangedReply | Problem>;

/** Some session waits for a row that another transaction holds. */
async function isAnyoneWaiting(sql: Sql): Promise<boolean> {
  const rows = await sql`
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
      and application_name = 'fermata committer slow'`;
  return rows.length > 0;
}

/** One process answers and stands still with its transaction open, then the other one answers something else. */
async function race(
  tell: (frozen: ServerProcess, sql: Sql) => Promise<void>,
): Promise<{ approved: Answered; denied: Answered; requests: number; output: unknown }> {
  await using database = await testDatabase();
  await using effects = await EffectTarget.start();
  const { sql } = database;
  await using other = await ServerProcess.start(database.env);
  await using frozen = await ServerProcess.start({ ...database.env, FERMATA_STOP_AT: 'before-commit' });
  const run = await other.api.start(approvalRun(effects));
  await reaches(sql, run.id, 'waiting');
  const [wait] = await other.api.openWaits(run.id);
  const { id, digest } = wait as Wait;
  const answer = (server: ServerProcess, decision: string): Promise<Answered> =>
    server.api.request<ChangedReply>('POST', `/waits/${id}/answer`, { body: { decision, digest } });

  const approving = answer(frozen, 'approve');
  await eventually(
    async () =>
      (await sql`select from run_state where run_id = ${run.id} for update skip locked`).length === 0,
    { what: 'the first transaction holds the run' },
  );
  const denying = answer(other, 'deny');
  await tell(frozen, sql);
  const [approved, denied] = await Promise.all([approving, denying]);
  const events = await seeThrough(sql, other, run.id, { effects });
  expect(events.filter((event) => event.type === 'wait.resolved').length).toBe(1);
  return { approved, denied, requests: effects.requests.length, output: events.at(-1)?.type };
}

describe.concurrent('two processes answer one wait, the first with its transaction open', () => {
  test('the first goes on: it wins, and the second is told who won', async () => {
    const { approved, denied, requests } = await race(async (frozen, sql) => {
      await eventually(() => isAnyoneWaiting(sql), { what: 'the second answer waits for the first' });
      frozen.thaw();
    });
    expect([approved.status, (approved.body as ChangedReply).changed]).toEqual([200, true]);
    expect(denied.status).toBe(409);
    expect(denied.body).toMatchObject({ code: 'wait_closed', winner: { outcome: 'approve' } });
    expect((denied.body as Problem).winner?.by).toMatchObject({ name: 'admin' });
    expect(requests).toBe(1);
  });

  test('the first stands still: the database ends its transaction, the second wins, the first is told', async () => {
    const { approved, denied, requests } = await race(async (frozen, sql) => {
      await eventually(async () => (await sql`select from events where type = 'wait.resolved'`).length > 0, {
        what: 'the second answer is taken',
      });
      frozen.thaw();
    });
    expect([denied.status, (denied.body as ChangedReply).changed]).toEqual([200, true]);
    expect(approved.status).toBe(409);
    expect(approved.body).toMatchObject({ code: 'wait_closed', winner: { outcome: 'deny' } });
    expect(requests).toBe(0);
  });
});
