import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { EmbeddedPostgres } from '../../packages/server/src/postgres/embedded.ts';
import { Session } from '../../packages/server/src/store/session.ts';
import { eventually } from '../world/eventually.ts';
import { assertRunIsConsistent } from '../world/log-check.ts';
import { ServerProcess } from '../world/processes.ts';
import { makeScratchFolder } from '../world/scratch-folder.ts';

// PostgreSQL forgets transaction ids of which it had written nothing down when it was killed, and gives them out
// again: that the id of a lost transaction is committed now does not mean that the transaction was.
test('a commit that PostgreSQL lost is done again, although its transaction id was given to another', async () => {
  const dataDir = await makeScratchFolder('reused');
  const settings = { wal_writer_delay: '10s', autovacuum: 'off' };
  await using embedded = await EmbeddedPostgres.start({ dataDir, settings });
  const { host, port, user, database } = embedded.connection;
  const DATABASE_URL = `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  await using frozen = await ServerProcess.start({ DATABASE_URL, FERMATA_STOP_AT: 'before-commit:2' });
  const run = await frozen.api.start({ mode: 'external', input: 'Go.' });
  const xid = await (async () => {
    await using session = await Session.open(embedded.connection, { part: 'test' });
    const { sql } = session;
    // What was done so far is written down; the next transaction is not, until something is committed.
    await sql`checkpoint`;
    const noted = frozen.api.request('POST', `/runs/${run.id}/notes`, { body: { type: 'check' } });
    const id = await eventually(
      async () => {
        const [row] = await sql<{ xid: string | null }[]>`
          select backend_xid::text as xid from pg_stat_activity where application_name = 'fermata committer fast'`;
        return row?.xid;
      },
      { what: 'the transaction has its id', everyMs: 1 },
    );
    return { id: Number(id), noted };
  })();
  process.kill(embedded.pid, 'SIGKILL');
  await eventually(() => !embedded.isUp, { what: 'the database is down', everyMs: 1 });
  await eventually(() => embedded.isUp, { what: 'the database is back' });
  await using session = await Session.open(embedded.connection, { part: 'test' });
  const { sql } = session;
  const [next] = await sql<{ xid: number }[]>`select pg_current_xact_id()::text::bigint as xid`;
  expect(next?.xid, 'the id is given out again').toBeLessThanOrEqual(xid.id);
  for (let last = next?.xid ?? 0; last <= xid.id + 2;) {
    const [row] = await sql<{ xid: number }[]>`select pg_current_xact_id()::text::bigint as xid`;
    last = row?.xid ?? Infinity;
  }
  const [other] = await sql`select pg_xact_status(${xid.id}::text::xid8) as status`;
  expect(other?.['status']).toBe('committed');

  frozen.thaw();
  const reply = await xid.noted;
  expect(reply.status).toBe(200);
  const events = await assertRunIsConsistent(sql, run.id);
  expect(
    events.filter((event) => event.type === 'note.logged').length,
    'what is confirmed is in the log',
  ).toBe(1);
  await frozen.kill();
  await rm(dataDir, { recursive: true, force: true });
});
