import type { ChangedReply, Problem } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase, type TestDatabase } from '../world/database.ts';
import { EffectTarget } from '../world/effects.ts';
import { eventually } from '../world/eventually.ts';
import { assertRunIsConsistent } from '../world/log-check.ts';
import { ServerProcess } from '../world/processes.ts';
import { approvalRun, longRun } from './scripts.ts';
import { reaches, seeThrough } from './see-through.ts';

let database: TestDatabase;
let effects: EffectTarget;
let server: ServerProcess;

beforeAll(async () => {
  database = await testDatabase();
  effects = await EffectTarget.start();
  // What PostgreSQL says when it cannot extend a file.
  await database.sql.unsafe(`
    create table disk_is_full ();
    create function refuse_when_full() returns trigger language plpgsql as $$
    begin
      if exists (select from disk_is_full) then
        raise exception 'could not extend file "base/1/2": No space left on device' using errcode = '53100';
      end if;
      return new;
    end $$;
    create trigger full_disk before insert on events for each row execute function refuse_when_full();`);
  server = await ServerProcess.start(database.env);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await effects[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function fill(): Promise<AsyncDisposable> {
  await database.sql`insert into disk_is_full default values`;
  return { [Symbol.asyncDispose]: makeRoom };
}

async function makeRoom(): Promise<void> {
  await database.sql`delete from disk_is_full`;
}

describe('a full disk', () => {
  test('refuses a command with 503, leaves the run as it was, and takes the command when there is room', async () => {
    const { sql } = database;
    const run = await server.api.start(approvalRun(effects));
    await reaches(sql, run.id, 'waiting');
    const before = await server.api.run(run.id);
    const [wait] = await server.api.openWaits(run.id);
    const body = { decision: 'approve', digest: wait?.digest };
    const request = (): ReturnType<typeof server.api.request> =>
      server.api.request<ChangedReply>('POST', `/waits/${wait?.id}/answer`, { body, idempotencyKey: 'full' });
    {
      await using _full = await fill();
      const refused = await request();
      expect([refused.status, (refused.body as Problem).code]).toEqual([503, 'unavailable']);
      expect(refused.body).toMatchObject({ retryable: true });
      expect(refused.headers.get('retry-after')).not.toBeNull();
      expect(JSON.stringify(refused.body)).not.toMatch(/base\/|extend|trigger| at /);
      expect(await server.api.run(run.id)).toEqual(before);
      await assertRunIsConsistent(sql, run.id, effects);
    }
    const taken = await request();
    expect([taken.status, (taken.body as ChangedReply).changed]).toEqual([200, true]);
    await seeThrough(sql, server, run.id, { effects });
    expect(effects.of(run.id).length).toBe(1);
  });

  test('does not make a call be made again: its outcome is kept until there is room for it', async () => {
    const { sql } = database;
    effects.answerAfterMs = 500;
    const runs = await Promise.all(
      [longRun(effects, 3, 50), longRun(effects, 3, 90)].map((body) => server.api.start(body)),
    );
    for (const run of runs) await effects.requested(1, run.id);
    {
      await using _full = await fill();
      effects.answerAfterMs = 0;
      // The commits of both fail, alone and together, more than once.
      const heads = await Promise.all(runs.map(async (run) => (await server.api.run(run.id)).head));
      const failures = (): number =>
        server.log.filter((line) => line.msg === 'a command could not be committed').length;
      await eventually(() => failures() >= 4, { what: 'commits fail' });
      expect(await Promise.all(runs.map(async (run) => (await server.api.run(run.id)).head))).toEqual(heads);
      for (const run of runs) await assertRunIsConsistent(sql, run.id, effects);
    }
    for (const run of runs) {
      await seeThrough(sql, server, run.id, { effects });
      expect(effects.of(run.id).length).toBe(3);
      expect(new Set(effects.of(run.id).map(({ key }) => key)).size).toBe(3);
    }
  });
});
