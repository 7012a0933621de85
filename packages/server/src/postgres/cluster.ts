// One cluster on disk and the server on it, whoever started that server. A cluster is
// absent (no server), busy (starting, stopping, or not answering yet) or ready.
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { pollUntil, runAs, spawnDetachedAs } from './account.ts';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { prepareOwnedFolder, prepareSocketFolder, type Placement } from './placement.ts';
import {
  isPostmasterOf,
  isProcessAlive,
  readPostmasterFile,
  type PostmasterFile,
} from './postmaster-file.ts';

export interface Cluster {
  placement: Placement;
  binaries: Binaries;
  /** The data directory in PostgreSQL's sense. */
  pgData: string;
  logFile: string;
  /** Server settings on top of the built-in ones. */
  settings: Readonly<Record<string, string>>;
  /** Where clients expect the socket, once they have been told: a restart must not move it. */
  socketDir: string | null;
}

/** Where a ready server listens. */
export interface Endpoint {
  pid: number;
  socketDir: string;
  port: number;
}

type ClusterState =
  | { state: 'absent' }
  | { state: 'busy'; pid: number; status: string }
  | { state: 'ready'; endpoint: Endpoint };

export const SUPERUSER = 'fermata';
const MAX_LOG_BYTES = 10_000_000;
const TRANSIENT_START_FAILURE = /lock file .* already exists|pre-existing shared memory block|already in use/;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  shared_buffers: '128MB',
  // Reads are short and by index: parallel plans and just-in-time compilation only cost.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  // Reads in this process: spares the three I/O processes that PostgreSQL 18 starts by default.
  io_method: 'sync',
  random_page_cost: '1.1',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
};

/** A client with one session, never renewed while it is used, that names this process. */
export function adminClient(
  endpoint: Endpoint,
  connectTimeoutSeconds = 5,
  onClose: () => void = () => {},
): postgres.Sql {
  return postgres({
    host: endpoint.socketDir,
    port: endpoint.port,
    user: SUPERUSER,
    database: 'postgres',
    max: 1,
    connect_timeout: connectTimeoutSeconds,
    max_lifetime: null,
    fetch_types: false,
    onnotice: () => {},
    onclose: onClose,
    connection: { application_name: `fermata ${process.pid}` },
  });
}

/** Looks at the lock file and the server behind it. A file without a server of this cluster is removed. */
export async function inspectCluster(cluster: Cluster): Promise<ClusterState> {
  const file = await readPostmasterFile(cluster.pgData);
  if (!file) return { state: 'absent' };
  const endpoint = { pid: file.pid, socketDir: file.socketDir, port: file.port };
  if (isPostmasterOf(file.pid, cluster.pgData)) {
    const ready = file.status === 'ready' && (await answers(cluster, endpoint));
    return ready ? { state: 'ready', endpoint } : { state: 'busy', pid: file.pid, status: file.status };
  }
  // Another container may run it: its process is not visible here, but its socket answers.
  if (file.socketDir !== '' && (await answers(cluster, endpoint))) return { state: 'ready', endpoint };
  await removeStaleFile(cluster, file);
  return { state: 'absent' };
}

async function removeStaleFile(cluster: Cluster, seen: PostmasterFile): Promise<void> {
  const now = await readPostmasterFile(cluster.pgData);
  if (now && now.text === seen.text && !isPostmasterOf(now.pid, cluster.pgData)) {
    await rm(join(cluster.pgData, 'postmaster.pid'), { force: true });
  }
}

async function answers(cluster: Cluster, endpoint: Endpoint): Promise<boolean> {
  const sql = adminClient(endpoint, 2);
  try {
    const [row] = await sql<{ dir: string }[]>`select current_setting('data_directory') as dir`;
    const theirs = row ? await realpath(row.dir).catch(() => row.dir) : '';
    return theirs === cluster.pgData || endpoint.socketDir === join(cluster.placement.home, 'run');
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 0 }).catch(() => {});
  }
}

/**
 * Makes sure that a server answers on the cluster, whoever started it: makes the cluster, starts the server,
 * or waits for one that is starting or stopping.
 */
export async function bringUp(cluster: Cluster, timeoutMs: number): Promise<Endpoint> {
  const deadline = performance.now() + timeoutMs;
  let attempt: StartAttempt | null = null;
  let state: ClusterState = { state: 'absent' };
  while (performance.now() < deadline) {
    state = await inspectCluster(cluster);
    if (state.state === 'ready') return state.endpoint;
    if (attempt?.exitText() !== undefined) {
      await attempt.judge();
      attempt = null;
      await delay(200);
    } else if (state.state === 'absent' && attempt === null) {
      await initialize(cluster);
      attempt = await startServer(cluster);
    }
    await delay(20);
  }
  const seen = state.state === 'busy' ? `process ${state.pid} is ${state.status}` : 'no process answers';
  throw new EmbeddedPostgresError(
    'not_starting',
    `PostgreSQL did not become ready within ${Math.round(timeoutMs / 1000)} s (${seen}). ` +
      `Its log is ${cluster.logFile}.`,
  );
}

/** Makes the cluster's files where there are none; of two who do it at once one wins and both go on. */
async function initialize(cluster: Cluster): Promise<void> {
  const { placement, binaries, pgData } = cluster;
  const version = await readFile(join(pgData, 'PG_VERSION'), 'utf8').catch(() => null);
  if (version !== null) {
    if (Number(version) === binaries.major) return prepareOwnedFolder(placement.account, pgData);
    throw new EmbeddedPostgresError(
      'broken_data',
      `The database files in ${pgData} were made by PostgreSQL ${version.trim()}, and this is PostgreSQL ` +
        `${binaries.version}. Export them with the release that made them, or choose another FERMATA_DATA_DIR.`,
    );
  }
  if ((await readdir(pgData).catch(() => [])).length > 0) {
    throw new EmbeddedPostgresError(
      'broken_data',
      `${pgData} holds files but no database. Move it away, or choose another FERMATA_DATA_DIR.`,
    );
  }
  // A crash in the middle leaves only a staging folder: the rename is what makes the cluster exist.
  await removeOldStaging(placement.home);
  const staging = await mkdtemp(join(placement.home, 'postgres.new-'));
  await prepareOwnedFolder(placement.account, staging);
  const result = await runAs(placement.account, join(binaries.root, 'bin', 'initdb'), [
    ...['-D', staging, '-U', SUPERUSER, '-A', 'trust', '--encoding=UTF8', '--locale=C'],
    // Sorts by code point like C, and knows upper and lower case beyond ASCII.
    ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'],
    ...(cluster.settings['fsync'] === 'off' ? ['--no-sync'] : []),
  ]);
  if (!result.ok) {
    await rm(staging, { recursive: true, force: true });
    throw new EmbeddedPostgresError('not_starting', `initdb failed in ${staging}: ${result.output}`);
  }
  try {
    await rename(staging, pgData);
    await syncFolder(placement.home);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

async function removeOldStaging(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (!name.startsWith('postgres.new-')) continue;
    const found = await stat(join(home, name)).catch(() => null);
    const isAbandoned = found !== null && Date.now() - found.mtimeMs > 600_000;
    if (isAbandoned) await rm(join(home, name), { recursive: true, force: true });
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

interface StartAttempt {
  /** What the exit was, or undefined while the process runs. */
  exitText(): string | undefined;
  /** Throws unless the failure is one that goes away by itself. */
  judge(): Promise<void>;
}

async function startServer(cluster: Cluster): Promise<StartAttempt> {
  const socketDir = await prepareSocketFolder(cluster.placement, cluster.socketDir);
  const settings = { ...SETTINGS, ...cluster.settings, unix_socket_directories: socketDir };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const logged = await stat(cluster.logFile).catch(() => null);
  if (logged && logged.size > MAX_LOG_BYTES) await rename(cluster.logFile, `${cluster.logFile}.1`);
  const logStart = logged && logged.size <= MAX_LOG_BYTES ? logged.size : 0;

  const logFd = openSync(cluster.logFile, 'a', 0o600);
  let exit: string | undefined;
  try {
    const binary = join(cluster.binaries.root, 'bin', 'postgres');
    const child = spawnDetachedAs(cluster.placement.account, binary, ['-D', cluster.pgData, ...args], logFd);
    child.once('error', (error) => (exit = error.message));
    child.once('exit', (code, signal) => (exit = `exit ${code ?? signal ?? 'unknown'}`));
  } finally {
    closeSync(logFd);
  }
  return {
    exitText: () => exit,
    async judge() {
      const log = (await readFile(cluster.logFile)).subarray(logStart).toString('utf8').trim();
      if (TRANSIENT_START_FAILURE.test(log)) return;
      const tail = log.split('\n').slice(-8).join('\n');
      throw new EmbeddedPostgresError('not_starting', `PostgreSQL did not start (${exit}):\n${tail}`);
    },
  };
}

/**
 * Stops the server on the cluster: fast shutdown, after 30 s an immediate one. Returns when the process and its
 * lock file are gone.
 */
export async function stopCluster(cluster: Cluster): Promise<void> {
  const file = await readPostmasterFile(cluster.pgData);
  if (!file || !isPostmasterOf(file.pid, cluster.pgData)) return;
  const isGone = async (): Promise<boolean> =>
    !isProcessAlive(file.pid) && (await readPostmasterFile(cluster.pgData))?.pid !== file.pid;
  for (const [signal, waitMs] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 10_000],
  ] as const) {
    if (!isProcessAlive(file.pid)) return;
    process.kill(file.pid, signal);
    if (await pollUntil(isGone, waitMs)) return;
  }
}
