import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { Session } from '../../../packages/server/src/store/session.ts';
import type { Sql } from '../../../packages/server/src/store/sql.ts';

/** A migrated database of its own, with one session to look at it from outside the code under test. */
export interface TestDatabase extends AsyncDisposable {
  target: { host: string; port: number; user: string; database: string };
  /** The watcher's statements; sees every other session. */
  readonly sql: Sql;
  /** Cuts every other session of this database, as a restart would. Returns how many. */
  cutSessions(part?: string): Promise<number>;
}

export async function createDatabase(): Promise<TestDatabase> {
  const server = inject('postgres');
  const base = { host: server.host, port: server.port, user: server.user };
  const name = `store_${randomUUID().replaceAll('-', '')}`;
  await using admin = await Session.open({ ...base, database: server.adminDatabase }, { part: 'test' });
  await admin.sql.unsafe(`create database "${name}" template "${server.templateDatabase}"`);
  const target = { ...base, database: name };
  const patience = { idle_in_transaction_session_timeout: 60_000, statement_timeout: 60_000 };
  const watcher = await Session.open(target, { part: 'watcher', settings: patience });
  return {
    target,
    sql: watcher.sql,
    async cutSessions(part = '%'): Promise<number> {
      const cut = await watcher.sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = ${name} and pid <> pg_backend_pid() and application_name like ${`fermata ${part}`}`;
      return cut.length;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await watcher.close();
      await using closing = await Session.open({ ...base, database: server.adminDatabase }, { part: 'test' });
      await closing.sql.unsafe(`drop database "${name}" with (force)`);
    },
  };
}
