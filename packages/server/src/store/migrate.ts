import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runner, type RunnerOption } from 'node-pg-migrate';
import pg from 'pg';
import { pgOptions, pgUrl, type DatabaseTarget } from './database-target.ts';

/** The database cannot be brought to, or used with, this release's schema. The message is for the operator. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export interface MigrateOptions {
  target: DatabaseTarget;
  /** Folder of `NNNN-what.sql` files. */
  folder: string;
  /** Brings the job queue's own schema up to date; called under the same lock, after our migrations. */
  migrateQueue?: (connectionString: string) => Promise<void>;
  /** Told once when another process is migrating and we wait for it. */
  onWaiting?: () => void;
  log?: (line: string) => void;
  /** How long to wait for other starters; 10 minutes unless given. */
  lockTimeoutMs?: number;
}

export interface MigrateResult {
  /** Names of the migrations that this call applied. */
  applied: string[];
}

interface MigrationFile {
  name: string;
  isBreaking: boolean;
}

// The two halves of one advisory key: "ferm", "migr".
const LOCK_CLASS = 0x6665726d;
const LOCK_OBJECT = 0x6d696772;
const MIGRATIONS_TABLE = 'schema_migrations';
const FILE_NAME = /^\d{4}-[a-z0-9-]+\.sql$/;

/**
 * Applies the migrations that the database lacks, each in a transaction of its own. Any number of processes may do
 * it at once: one works and the others find nothing left to do.
 *
 * Headers of a migration file: `--! breaking` (older releases refuse the schema from then on),
 * `--! no-transaction` (for one statement that cannot run in a transaction, as CREATE INDEX CONCURRENTLY).
 * @throws MigrationError when the schema is newer and breaking, or a migration fails
 */
export async function migrateDatabase(options: MigrateOptions): Promise<MigrateResult> {
  const files = await readMigrations(options.folder);
  const client = new pg.Client({ ...pgOptions(options.target), application_name: 'fermata migrate' });
  // A connection that breaks while no query waits for it must not end the process; the next query fails.
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('set statement_timeout = 0; set lock_timeout = 0; set idle_session_timeout = 0');
    await takeLock(client, options);
    await refuseNewerBreakingSchema(client, files);
    await recordBreaking(client, files);
    const applied = await runMigrations(client, options);
    await options.migrateQueue?.(pgUrl(options.target));
    return { applied };
  } finally {
    // Ending the session releases the lock, whatever state it is in.
    await client.end().catch(() => {});
  }
}

async function readMigrations(folder: string): Promise<MigrationFile[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => FILE_NAME.test(name)).sort();
  const seen = new Set<string>();
  return Promise.all(
    names.map(async (file) => {
      const number = file.slice(0, 4);
      if (seen.has(number)) throw new MigrationError(`Two migrations have the number ${number}.`);
      seen.add(number);
      const headers = readHeaders(await readFile(join(folder, file), 'utf8'));
      return { name: basename(file, '.sql'), isBreaking: headers.has('breaking') };
    }),
  );
}

/** The words after `--!` in the comment lines that begin a migration file. */
export function readHeaders(sql: string): Set<string> {
  const headers = new Set<string>();
  for (const line of sql.split('\n')) {
    const text = line.trim();
    if (text === '') continue;
    if (!text.startsWith('--')) break;
    const header = /^--!\s*([a-z-]+)/.exec(text)?.[1];
    if (header !== undefined) headers.add(header);
  }
  return headers;
}

// `pg_advisory_lock` would wait inside a statement, with a snapshot that CREATE INDEX CONCURRENTLY of the holder
// waits for in turn: a deadlock. An idle session between two tries holds nothing.
async function takeLock(client: pg.Client, options: MigrateOptions): Promise<void> {
  const deadline = performance.now() + (options.lockTimeoutMs ?? 600_000);
  for (let attempt = 0; performance.now() < deadline; attempt++) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1, $2) as taken', [
      LOCK_CLASS,
      LOCK_OBJECT,
    ]);
    if (rows[0]?.taken) return;
    if (attempt === 0) options.onWaiting?.();
    await delay(50);
  }
  throw new MigrationError(
    'Another process has been migrating the database for too long. Look at pg_stat_activity for ' +
      '"fermata migrate", and start again when it has ended.',
  );
}

async function refuseNewerBreakingSchema(client: pg.Client, files: readonly MigrationFile[]): Promise<void> {
  await client.query(`create table if not exists schema_breaking (name text primary key)`);
  const { rows: tables } = await client.query('select 1 where to_regclass($1) is not null', [
    MIGRATIONS_TABLE,
  ]);
  if (tables.length === 0) return;
  const { rows } = await client.query<{ name: string }>(
    `select name from schema_breaking join ${MIGRATIONS_TABLE} using (name)
     where name <> all ($1::text[]) order by name`,
    [files.map((file) => file.name)],
  );
  if (rows.length === 0) return;
  throw new MigrationError(
    `The database has been migrated by a newer release that this one cannot work with (${rows
      .map((row) => row.name)
      .join(', ')}). Start that release or a newer one.`,
  );
}

// Recorded before the migration runs, so that there is no moment in which it is applied and not known as breaking.
async function recordBreaking(client: pg.Client, files: readonly MigrationFile[]): Promise<void> {
  const names = files.filter((file) => file.isBreaking).map((file) => file.name);
  if (names.length === 0) return;
  await client.query('insert into schema_breaking (name) select unnest($1::text[]) on conflict do nothing', [
    names,
  ]);
}

async function runMigrations(client: pg.Client, options: MigrateOptions): Promise<string[]> {
  const log = options.log ?? (() => {});
  const errors: string[] = [];
  const logger = { debug: () => {}, info: log, warn: log, error: (line: string) => errors.push(line) };
  try {
    const done = await runner({
      dbClient: client,
      dir: options.folder,
      ignorePattern: '^(?!\\d{4}-[a-z0-9-]+\\.sql$).*',
      migrationsTable: MIGRATIONS_TABLE,
      direction: 'up',
      singleTransaction: false,
      noLock: true,
      logger,
      migrationLoaderStrategies: [SQL_FILES],
    });
    return done.map((migration) => migration.name);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MigrationError(`A migration failed: ${reason}${errors.length > 0 ? `\n${errors[0]}` : ''}`, {
      cause,
    });
  }
}

const SQL_FILES: NonNullable<RunnerOption['migrationLoaderStrategies']>[number] = {
  extensions: ['.sql'],
  loader: (paths) =>
    Promise.all(
      paths.map(async (path) => {
        const sql = await readFile(path, 'utf8');
        const isBare = readHeaders(sql).has('no-transaction');
        return {
          id: path,
          filePaths: [path],
          actions: {
            up: (pgm) => {
              if (isBare) pgm.noTransaction();
              pgm.sql(sql);
            },
            down: false,
          },
        };
      }),
    ),
};
