import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { pgOptions, type DatabaseTarget } from './database-target.ts';

/** What the boot must know of a database before it uses it. */
export interface DatabaseFacts {
  /** As in `server_version_num`: 180004 is 18.4. */
  serverVersion: number;
  /** Statements of one client may run in different sessions: no session lock, setting or LISTEN holds. */
  isTransactionPooled: boolean;
}

/** The database cannot be used as it is configured. The message is for the operator. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

const OLDEST_VERSION = 140_000;

/**
 * The database that sessions with state (locks, LISTEN, migrations, the committer) connect to: the direct one where
 * there is one.
 * @throws DatabaseError when the server is too old, or reached through a transaction pooler without a direct URL
 */
export async function chooseSessionTarget(
  target: DatabaseTarget,
  directTarget: DatabaseTarget | null,
): Promise<DatabaseTarget> {
  const chosen = directTarget ?? target;
  const { serverVersion, isTransactionPooled } = await inspectDatabase(chosen);
  if (serverVersion < OLDEST_VERSION) {
    throw new DatabaseError(
      `The database server is PostgreSQL ${Math.floor(serverVersion / 10_000)}; Fermata needs 14 or newer.`,
    );
  }
  if (!isTransactionPooled) return chosen;
  throw new DatabaseError(
    directTarget === null
      ? 'DATABASE_URL goes through a pooler in transaction mode. Set FERMATA_DATABASE_DIRECT_URL to the URL of ' +
          'the same database without the pooler.'
      : 'FERMATA_DATABASE_DIRECT_URL goes through a pooler in transaction mode; it must not.',
  );
}

/** Connects and finds out the server's version, and whether a transaction pooler stands in between. */
export async function inspectDatabase(target: DatabaseTarget): Promise<DatabaseFacts> {
  const first = await connect(target);
  const second = await connect(target).catch(async (error: unknown) => {
    await first.end().catch(() => {});
    throw error;
  });
  try {
    const serverVersion = Number(await read(first, "current_setting('server_version_num')"));
    return { serverVersion, isTransactionPooled: await isPooled(first, second) };
  } finally {
    await Promise.all([first.end().catch(() => {}), second.end().catch(() => {})]);
  }
}

async function connect(target: DatabaseTarget): Promise<pg.Client> {
  const client = new pg.Client({ ...pgOptions(target), application_name: 'fermata boot' });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new DatabaseError(`The database cannot be reached: ${reason}`, { cause });
  }
  return client;
}

async function isPooled(first: pg.Client, second: pg.Client): Promise<boolean> {
  // A pooler hands out a cancel key of its own, so the process id of the handshake is not the session's.
  const { processID: announced } = first as pg.Client & { processID?: number | null };
  if (announced === (await read(first, 'pg_backend_pid()'))) return false;

  // A session pooler passes this; a transaction pooler does not: its idle sessions are shared between the two.
  const mark = randomUUID();
  await first.query("select set_config('fermata.probe', $1, false)", [mark]);
  for (let round = 0; round < 8; round++) {
    await first.query('begin');
    await second.query('begin');
    const pids = [await read(first, 'pg_backend_pid()'), await read(second, 'pg_backend_pid()')];
    await first.query('commit');
    await second.query('commit');
    const seenByOther = await read(second, "current_setting('fermata.probe', true)");
    const pidNow = await read(first, 'pg_backend_pid()');
    const seen = await read(first, "current_setting('fermata.probe', true)");
    if (seenByOther === mark || seen !== mark || pidNow !== pids[0]) return true;
  }
  return false;
}

async function read(client: pg.Client, expression: string): Promise<unknown> {
  const { rows } = await client.query<{ value: unknown }>(`select ${expression} as value`);
  return rows[0]?.value;
}
