import { cp, lstat, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { giveTo, runAs, type Account } from './account.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';

/** The folder with `bin`, `lib` and `share`, and the version of the server in it. */
export interface Binaries {
  root: string;
  version: string;
  major: number;
}

/** The installed package with PostgreSQL's binaries for this machine. */
export function findNativeFolder(platform: string = process.platform, arch: string = process.arch): string {
  if (platform === 'win32') {
    throw new EmbeddedPostgresError(
      'unsupported',
      'The embedded PostgreSQL does not run on Windows. Set DATABASE_URL to a PostgreSQL 14 or newer.',
    );
  }
  const name = `@embedded-postgres/${platform}-${arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return join(dirname(dirname(entry)), 'native');
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'unsupported',
      `The package ${name} with PostgreSQL's binaries is not installed. ` +
        'Run npm install without --omit=optional, or set DATABASE_URL to a PostgreSQL 14 or newer.',
      { cause },
    );
  }
}

/**
 * Makes the symbolic links that the package's install script would make: npm packages cannot hold links, and
 * `--ignore-scripts` skips the script. Links that exist are left alone.
 */
export async function repairLibraryLinks(nativeFolder: string): Promise<void> {
  const list = await readFile(join(nativeFolder, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    // Both paths begin with `native/`; source and target lie in one folder.
    const link = join(dirname(nativeFolder), target);
    if (await lstat(link).catch(() => null)) continue;
    await symlink(basename(source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/**
 * Binaries that the account can run: those of the installed package, or a copy below `home` when the package
 * lies where the account cannot reach it or its links cannot be repaired (a read-only installation).
 */
export async function findUsableBinaries(
  account: Account,
  home: string,
  nativeFolder = findNativeFolder(),
): Promise<Binaries> {
  const repaired = await repairLibraryLinks(nativeFolder).then(
    () => true,
    () => false,
  );
  const installed = await probe(account, nativeFolder);
  if (installed.binaries) return installed.binaries;

  const packageJson = await readFile(join(dirname(nativeFolder), 'package.json'), 'utf8').catch(() => '{}');
  const { version = 'unknown' } = JSON.parse(packageJson) as { version?: string };
  const copy = join(home, `pgsql-${version}`);
  const copied = await copyNative(account, nativeFolder, copy);
  if (copied.binaries) return copied.binaries;
  throw new EmbeddedPostgresError(
    'unsupported',
    `PostgreSQL's binaries do not run here (${installed.output || copied.output})` +
      `${repaired ? '' : '; its library links could not be repaired'}. ` +
      'Set DATABASE_URL to a PostgreSQL 14 or newer.',
  );
}

async function probe(account: Account, root: string): Promise<{ binaries: Binaries | null; output: string }> {
  // initdb needs libraries that the server itself does not.
  const initdb = await runAs(account, join(root, 'bin', 'initdb'), ['--version']);
  if (!initdb.ok) return { binaries: null, output: initdb.output };
  const result = await runAs(account, join(root, 'bin', 'postgres'), ['--version']);
  const version = /\(PostgreSQL\) (\d+)(\S*)/.exec(result.output);
  if (!result.ok || !version) return { binaries: null, output: result.output };
  return {
    binaries: { root, version: `${version[1]}${version[2]}`, major: Number(version[1]) },
    output: result.output,
  };
}

async function copyNative(
  account: Account,
  from: string,
  to: string,
): Promise<{ binaries: Binaries | null; output: string }> {
  const existing = await probe(account, join(to, 'native'));
  if (existing.binaries) return existing;
  const staging = `${to}.${process.pid}`;
  try {
    await mkdir(staging, { recursive: true });
    await cp(from, join(staging, 'native'), { recursive: true, verbatimSymlinks: true });
    await repairLibraryLinks(join(staging, 'native'));
    await giveTo(account, staging);
    await rename(staging, to);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another starter may have put the same copy there meanwhile: the probe decides.
    const output = error instanceof Error ? error.message : String(error);
    const other = await probe(account, join(to, 'native'));
    return other.binaries ? other : { binaries: null, output };
  }
  return probe(account, join(to, 'native'));
}
