import { createHash } from 'node:crypto';
import {
  access,
  chmod,
  chown,
  constants,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  canUse,
  findUnprivilegedEntry,
  giveTo,
  namespaceAccount,
  ownAccount,
  runAs,
  unprivilegedAccount,
  type Account,
} from './account.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';

/** How root runs PostgreSQL; `auto` prefers the namespace, since files then stay root's. */
export type RootStrategy = 'auto' | 'namespace' | 'uid';

/** Who runs PostgreSQL, and the folder that holds its cluster (`postgres/`), log and short-lived files. */
export interface Placement {
  account: Account;
  home: string;
}

export interface PlacementOptions {
  rootStrategy?: RootStrategy;
  /** Where root keeps clusters of data directories that an unprivileged account cannot reach. */
  systemFolder?: string;
}

const POINTER = 'postgres-location';
// A socket's path has 108 bytes on Linux and 104 on macOS, with `/.s.PGSQL.5432` and a final zero in it.
const MAX_SOCKET_FOLDER_BYTES = 86;

/**
 * Decides who runs PostgreSQL for a data directory and where its files lie. Files that exist decide: they stay
 * where they are and with the account that owns them.
 */
export async function findPlacement(dataDir: string, options: PlacementOptions = {}): Promise<Placement> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const base = await realpath(dataDir);
  const own = ownAccount();
  if (own.uid !== 0) return ordinaryPlacement(own, base);

  const strategy = options.rootStrategy ?? 'auto';
  const entry = await findUnprivilegedEntry();
  const pointer = await readPointer(base);
  const owner = await clusterOwner(pointer ?? base);
  if (entry && strategy !== 'uid' && pointer === null && (owner === null || owner.uid === 0)) {
    const account = namespaceAccount(entry);
    if ((await runAs(account, '/bin/sh', ['-c', ':'])).ok && (await canUse(account, base, true))) {
      return { account, home: base };
    }
  }
  const chosen = owner !== null && owner.uid !== 0 ? owner : entry;
  if (strategy === 'namespace' || !chosen) throw rootRefused();
  return unprivilegedPlacement(unprivilegedAccount(chosen), base, pointer, options.systemFolder);
}

async function ordinaryPlacement(account: Account, base: string): Promise<Placement> {
  await access(base, constants.R_OK | constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw new EmbeddedPostgresError(
      'broken_data',
      `The data directory ${base} cannot be used by this user (uid ${account.uid}). ` +
        'Start Fermata as its owner, or choose another FERMATA_DATA_DIR.',
      { cause },
    );
  });
  const owner = await clusterOwner(base);
  if (owner !== null && owner.uid !== account.uid) {
    throw new EmbeddedPostgresError(
      'broken_data',
      `The database files in ${join(base, 'postgres')} belong to another user (uid ${owner.uid}). ` +
        'Start Fermata as that user, or choose another FERMATA_DATA_DIR.',
    );
  }
  return { account, home: base };
}

async function unprivilegedPlacement(
  account: Account,
  base: string,
  pointer: string | null,
  systemFolder = '/var/lib/fermata',
): Promise<Placement> {
  if (pointer !== null) {
    if ((await clusterOwner(pointer)) === null) {
      throw new EmbeddedPostgresError(
        'broken_data',
        `The database files are missing: ${join(base, POINTER)} says that they are in ${pointer}. ` +
          'Restore that folder, or delete the pointer file to start with an empty database.',
      );
    }
    return { account, home: pointer };
  }
  // Search permission on our own folder gives nothing away: the secrets in it are mode 0600.
  if ((await stat(base)).uid === 0) await chmod(base, 0o711);
  if (await canUse(account, base, false)) return { account, home: base };

  if ((await clusterOwner(base)) !== null) throw rootRefused();
  const home = join(systemFolder, createHash('sha256').update(base).digest('hex').slice(0, 16));
  try {
    await mkdir(home, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw rootRefused(cause);
  }
  if (!(await canUse(account, home, false))) throw rootRefused();
  return { account, home };
}

/** Says in the data directory where the cluster is, once it exists elsewhere. */
export async function writePointer(dataDir: string, home: string): Promise<void> {
  if ((await realpath(dataDir)) === home) return;
  await writeFile(join(dataDir, POINTER), `${home}\n`);
}

async function readPointer(base: string): Promise<string | null> {
  const text = await readFile(join(base, POINTER), 'utf8').catch(() => '');
  return text.trim() || null;
}

async function clusterOwner(home: string): Promise<{ uid: number; gid: number } | null> {
  const found = await stat(join(home, 'postgres', 'PG_VERSION')).catch(() => null);
  return found && { uid: found.uid, gid: found.gid };
}

function rootRefused(cause?: unknown): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'unsupported',
    'The embedded PostgreSQL cannot run as root here: user namespaces are not allowed, and no unprivileged ' +
      'account can reach a folder for its files. Start Fermata as an ordinary user, or set DATABASE_URL to a ' +
      'PostgreSQL 14 or newer.',
    cause === undefined ? undefined : { cause },
  );
}

/**
 * The folder of the unix socket, mode 0700 and owned by the account, since whoever can open the socket is
 * trusted. A short folder in the temporary directory stands in where the data directory's path is too long.
 * `promised` is the folder that clients have been told of.
 */
export async function prepareSocketFolder(
  placement: Placement,
  promised: string | null = null,
): Promise<string> {
  if (promised !== null) {
    await ownFolder(placement.account, promised);
    return promised;
  }
  const inside = join(placement.home, 'run');
  if (Buffer.byteLength(inside) <= MAX_SOCKET_FOLDER_BYTES) {
    await ownFolder(placement.account, inside);
    return inside;
  }
  const name = `fermata-${createHash('sha256').update(placement.home).digest('hex').slice(0, 12)}`;
  const candidates = [join(tmpdir(), name), join('/tmp', name)];
  for (const folder of candidates) {
    if (Buffer.byteLength(folder) > MAX_SOCKET_FOLDER_BYTES) continue;
    if (await ownFolder(placement.account, folder).catch(() => false)) return folder;
  }
  // The names are guessable: somebody else may have taken them. An unguessable one is ours.
  const folder = await mkdtemp('/tmp/fermata-');
  await ownFolder(placement.account, folder);
  return folder;
}

async function ownFolder(account: Account, folder: string): Promise<true> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  const me = process.getuid?.() ?? 0;
  if (!found.isDirectory() || (found.uid !== account.uid && found.uid !== me)) {
    throw new EmbeddedPostgresError('broken_data', `${folder} belongs to somebody else.`);
  }
  await chmod(folder, 0o700);
  if (account.kind === 'uid' && found.uid !== account.uid) await chown(folder, account.uid, account.gid);
  return true;
}

/** Makes a folder that the account owns, with everything that is in it. */
export async function prepareOwnedFolder(account: Account, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await giveTo(account, folder);
}
