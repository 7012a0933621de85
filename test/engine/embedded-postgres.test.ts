import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { repairLibraryLinks } from '../../packages/server/src/postgres/binaries.ts';
import {
  EmbeddedPostgres,
  type EmbeddedConnection,
  type EmbeddedPostgresOptions,
} from '../../packages/server/src/postgres/embedded.ts';
import { isProcessAlive, readPostmasterFile } from '../../packages/server/src/postgres/postmaster-file.ts';
import { makeScratchFolder } from '../world/scratch-folder.ts';

const SOURCES = fileURLToPath(new URL('../../packages/server/src/postgres', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/fermata', import.meta.url));
const isRoot = process.getuid?.() === 0;
let holderProgram = '';
let clusterTemplate = '';
let base = '';
let dataDir = '';
const children: ChildProcess[] = [];

// A program that starts PostgreSQL, says so, and stops it on SIGTERM: what a server does.
beforeAll(async () => {
  holderProgram = join(CACHE, `holder-${process.pid}.mjs`);
  const contents = `
    import { EmbeddedPostgres } from './embedded.ts';
    const embedded = await EmbeddedPostgres.start({ dataDir: process.argv[2] });
    process.once('SIGTERM', async () => { await embedded.stop(); process.exit(0); });
    console.log('ready ' + embedded.pid);`;
  await build({
    stdin: { contents, resolveDir: SOURCES, loader: 'ts' },
    outfile: holderProgram,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
  });
  clusterTemplate = await makeScratchFolder('pg');
  await (await EmbeddedPostgres.start({ dataDir: clusterTemplate })).stop();
});
afterAll(async () => {
  await rm(holderProgram, { force: true });
  await rm(clusterTemplate, { recursive: true, force: true });
});

/** Gives the data directory a cluster, which is quicker than to have one made. */
async function putCluster(): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const to = join(dataDir, 'postgres');
  await cp(join(clusterTemplate, 'postgres'), to, { recursive: true, preserveTimestamps: true });
}

beforeEach(async () => {
  base = await makeScratchFolder('pg');
  dataDir = join(base, 'data');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  // Whatever a test left running is taken over and stopped.
  const isRunning = (await readPostmasterFile(join(dataDir, 'postgres'))) !== null;
  if (isRunning) await (await EmbeddedPostgres.start({ dataDir })).stop();
  await rm(base, { recursive: true, force: true });
});

async function query(connection: EmbeddedConnection, text: string): Promise<Record<string, unknown>[]> {
  const sql = postgres({ ...connection, max: 1, onnotice: () => {} });
  try {
    return [...(await sql.unsafe<Record<string, unknown>[]>(text))];
  } finally {
    await sql.end();
  }
}

async function startHolder(): Promise<{ child: ChildProcess; postgresPid: number }> {
  const child = spawn(process.execPath, [holderProgram, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, postgresPid: Number(/^ready (\d+)/.exec(line.toString())?.[1]) };
}

async function killAndWait(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

describe('EmbeddedPostgres', () => {
  it('starts durable and without TCP on an empty folder, and keeps the data over a stop', async () => {
    const first = await EmbeddedPostgres.start({ dataDir });
    const [settings] = await query(
      first.connection,
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
         current_setting('listen_addresses') as tcp, current_setting('server_encoding') as encoding`,
    );
    expect(settings).toEqual({ fsync: 'on', commit: 'on', tcp: '', encoding: 'UTF8' });
    expect((await readFile(join(dataDir, 'server.pid'), 'utf8')).trim()).toBe(String(process.pid));
    expect((await stat(first.connection.host)).mode & 0o777).toBe(0o700);
    await query(first.connection, 'create table kept as select 42 as answer');
    await first.stop();
    await first.stop();
    expect(isProcessAlive(first.pid)).toBe(false);
    await expect(stat(join(dataDir, 'server.pid'))).rejects.toThrow('ENOENT');

    await using second = await EmbeddedPostgres.start({ dataDir });
    expect(await query(second.connection, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  it('lets exactly one of three starters have an empty data directory', async () => {
    const attempts = await Promise.allSettled([1, 2, 3].map(() => EmbeddedPostgres.start({ dataDir })));
    const winners = attempts.filter((attempt) => attempt.status === 'fulfilled');
    const losers = attempts.filter((attempt) => attempt.status === 'rejected');
    expect(winners).toHaveLength(1);
    for (const loser of losers) {
      expect(String(loser.reason)).toContain(
        `already running as pid ${process.pid} (data directory ${dataDir})`,
      );
    }
    await winners[0]?.value.stop();
  });

  it('refuses a data directory that another process has, and takes it over when that is killed', async () => {
    await putCluster();
    const { child, postgresPid } = await startHolder();
    await expect(EmbeddedPostgres.start({ dataDir })).rejects.toThrow(`already running as pid ${child.pid}`);
    await killAndWait(child);
    expect(isProcessAlive(postgresPid)).toBe(true);
    await using heir = await EmbeddedPostgres.start({ dataDir });
    expect(heir.pid).toBe(postgresPid);
    expect(await query(heir.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('waits for a server that is stopping and then starts its own', async () => {
    await putCluster();
    const { child, postgresPid } = await startHolder();
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    // The holder keeps the lock until PostgreSQL is gone, so a start may be refused until then.
    await using heir = await retry(() => EmbeddedPostgres.start({ dataDir }));
    await gone;
    expect(heir.pid).not.toBe(postgresPid);
    expect(await query(heir.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('starts PostgreSQL again, at the same address, when it dies while we live', async () => {
    await putCluster();
    const seen: string[] = [];
    await using embedded = await EmbeddedPostgres.start({
      dataDir,
      onDown: () => seen.push('down'),
      onUp: () => seen.push('up'),
    });
    const before = { ...embedded.connection };
    await query(before, 'create table kept as select 42 as answer');
    for (const round of [1, 2]) {
      const pid = embedded.pid;
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => seen.length, { timeout: 15_000 }).toBe(round * 2);
      expect(embedded.pid).not.toBe(pid);
    }
    expect(seen).toEqual(['down', 'up', 'down', 'up']);
    expect(embedded.connection).toEqual(before);
    expect(await query(before, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await expect(EmbeddedPostgres.start({ dataDir })).rejects.toThrow('already running');
  });

  it('takes its lock again when only its session was ended', async () => {
    await putCluster();
    const seen: string[] = [];
    await using embedded = await EmbeddedPostgres.start({ dataDir, onUp: () => seen.push('up') });
    const pid = embedded.pid;
    await query(
      embedded.connection,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres'`,
    );
    await expect.poll(() => seen).toEqual(['up']);
    expect(embedded.pid).toBe(pid);
  });

  it('starts over a lock file that a stranger with the same process id makes look alive', async () => {
    await putCluster();
    const pgData = join(dataDir, 'postgres');
    const text = `${process.pid}\n${pgData}\n1700000000\n5432\n${join(dataDir, 'run')}\n\n  1 2\nready   \n`;
    await writeFile(join(pgData, 'postmaster.pid'), text);
    await using embedded = await EmbeddedPostgres.start({ dataDir });
    expect(embedded.isUp).toBe(true);
  });

  it('uses a short socket path when the data directory is deep', async () => {
    dataDir = join(base, 'd'.repeat(120), 'data');
    await putCluster();
    await using embedded = await EmbeddedPostgres.start({ dataDir });
    expect(embedded.connection.host.length).toBeLessThan(90);
    expect(await query(embedded.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
    await embedded.stop();
    await rm(embedded.connection.host, { recursive: true });
  });

  it('says what to do with files of another major version, and with files that are no database', async () => {
    await mkdir(join(dataDir, 'postgres'), { recursive: true });
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '12\n');
    await expect(EmbeddedPostgres.start({ dataDir })).rejects.toThrow(/made by PostgreSQL 12, and this is/);
    await rm(join(dataDir, 'postgres', 'PG_VERSION'));
    await writeFile(join(dataDir, 'postgres', 'something'), '');
    await expect(EmbeddedPostgres.start({ dataDir })).rejects.toThrow(/holds files but no database/);
  });

  it("shows PostgreSQL's own words when it does not start", async () => {
    await putCluster();
    const options: EmbeddedPostgresOptions = { dataDir, settings: { shared_buffers: 'nonsense' } };
    await expect(EmbeddedPostgres.start(options)).rejects.toThrow(/did not start[^]*shared_buffers/);
  });
});

describe.runIf(isRoot)('EmbeddedPostgres started by root', () => {
  it('runs in a user namespace or as an unprivileged account, on the same data', async () => {
    await putCluster();
    // The folders above must let the account through.
    await chmod(base, 0o755);
    const unprivileged = await EmbeddedPostgres.start({ dataDir, rootStrategy: 'uid' });
    expect(await query(unprivileged.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
    await unprivileged.stop();
    expect((await stat(join(dataDir, 'postgres', 'PG_VERSION'))).uid).not.toBe(0);
    await using again = await EmbeddedPostgres.start({ dataDir });
    expect(again.isUp).toBe(true);
  });

  it('keeps the data where the unprivileged account can reach it, and finds it again', async () => {
    await chmod(base, 0o700);
    const systemFolder = await makeScratchFolder('system');
    await chmod(systemFolder, 0o755);
    const options: EmbeddedPostgresOptions = { dataDir, rootStrategy: 'uid', systemFolder };
    const first = await EmbeddedPostgres.start(options);
    await query(first.connection, 'create table kept as select 42 as answer');
    await first.stop();
    const home = (await readFile(join(dataDir, 'postgres-location'), 'utf8')).trim();
    expect(home.startsWith(systemFolder)).toBe(true);

    const second = await EmbeddedPostgres.start({ dataDir });
    expect(await query(second.connection, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await second.stop();
    await rm(systemFolder, { recursive: true });
    await expect(EmbeddedPostgres.start({ dataDir })).rejects.toThrow(/database files are missing/);
  });
});

describe('repairLibraryLinks', () => {
  it('makes the links that a skipped install script did not make, and leaves the others alone', async () => {
    const native = join(base, 'native');
    await mkdir(join(native, 'lib'), { recursive: true });
    await writeFile(join(native, 'lib', 'libpq.so.5.18'), 'library');
    const links = [
      { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' },
      { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so' },
    ];
    await writeFile(join(native, 'pg-symlinks.json'), JSON.stringify(links));
    await writeFile(join(native, 'lib', 'libpq.so'), 'somebody put a copy here');
    await Promise.all([repairLibraryLinks(native), repairLibraryLinks(native)]);
    expect(await readlink(join(native, 'lib', 'libpq.so.5'))).toBe('libpq.so.5.18');
    expect(await readFile(join(native, 'lib', 'libpq.so'), 'utf8')).toBe('somebody put a copy here');
  });
});

async function retry<T>(attempt: () => Promise<T>): Promise<T> {
  let result: T | undefined;
  await expect
    .poll(async () => (result = await attempt().catch(() => undefined)), { timeout: 15_000 })
    .toBeDefined();
  if (result === undefined) throw new Error('not reached');
  return result;
}
