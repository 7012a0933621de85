// PostgreSQL refuses to run as root. Three ways to run it:
// - `self`: we are an ordinary user, and so is PostgreSQL
// - `namespace`: we are root; a user namespace shows PostgreSQL another uid, files stay root's
// - `uid`: we are root without namespaces; PostgreSQL runs as an unprivileged account and owns its files
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chown, lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The account that PostgreSQL runs under; uid and gid are those that own its files. */
export interface Account {
  kind: 'self' | 'namespace' | 'uid';
  uid: number;
  gid: number;
  /** The uid and gid that PostgreSQL sees as its own. */
  insideUid: number;
  insideGid: number;
}

export interface CommandResult {
  ok: boolean;
  output: string;
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
}

const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
// An explicit environment: PGDATA, PGPORT and the like of the operator's shell must not reach the server.
const CHILD_ENVIRONMENT = { PATH: SEARCH_PATH, LANG: 'C', LC_ALL: 'C', TZ: 'UTC' };

/** The account of this process, for a process that is not root. */
export function ownAccount(): Account {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  return { kind: 'self', uid, gid, insideUid: uid, insideGid: gid };
}

/** Root's account seen through a user namespace as `inside`. */
export function namespaceAccount(inside: { uid: number; gid: number }): Account {
  return { kind: 'namespace', uid: 0, gid: 0, insideUid: inside.uid, insideGid: inside.gid };
}

/** An unprivileged account that root switches to. */
export function unprivilegedAccount(entry: { uid: number; gid: number }): Account {
  return {
    kind: 'uid',
    uid: entry.uid,
    gid: entry.gid,
    insideUid: entry.uid,
    insideGid: entry.gid,
  };
}

/**
 * An account of this machine that is not root: initdb looks its own uid up in the user database and refuses
 * one without a name.
 */
export async function findUnprivilegedEntry(passwdFile = '/etc/passwd'): Promise<PasswdEntry | null> {
  const text = await readFile(passwdFile, 'utf8').catch(() => '');
  const entries = parsePasswd(text).filter((entry) => entry.uid !== 0);
  for (const name of ['postgres', 'nobody', 'daemon']) {
    const entry = entries.find((candidate) => candidate.name === name);
    if (entry) return entry;
  }
  return entries[0] ?? null;
}

/** The lines of a passwd file that have a name, a uid and a gid. */
export function parsePasswd(text: string): PasswdEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (!name || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

function commandLine(account: Account, file: string, args: readonly string[]): [string, string[]] {
  if (account.kind !== 'namespace') return [file, [...args]];
  const map = ['--user', `--map-user=${account.insideUid}`, `--map-group=${account.insideGid}`];
  return ['unshare', [...map, file, ...args]];
}

function identity(account: Account): { uid?: number; gid?: number } {
  return account.kind === 'uid' ? { uid: account.uid, gid: account.gid } : {};
}

/** Runs a program to its end under the account; never throws. The working directory is `/`. */
export function runAs(
  account: Account,
  file: string,
  args: readonly string[],
  timeoutMs = 120_000,
): Promise<CommandResult> {
  const [command, commandArgs] = commandLine(account, file, args);
  return new Promise((resolve) => {
    execFile(
      command,
      commandArgs,
      { cwd: '/', env: CHILD_ENVIRONMENT, timeout: timeoutMs, ...identity(account) },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`.trim() || (error?.message ?? '');
        resolve({ ok: error === null, output });
      },
    );
  });
}

/** Starts a program that outlives us and the terminal, with its output going to an open file. */
export function spawnDetachedAs(
  account: Account,
  file: string,
  args: readonly string[],
  outputFd: number,
): ChildProcess {
  const [command, commandArgs] = commandLine(account, file, args);
  const child = spawn(command, commandArgs, {
    cwd: '/',
    env: CHILD_ENVIRONMENT,
    detached: true,
    stdio: ['ignore', outputFd, outputFd],
    ...identity(account),
  });
  child.unref();
  return child;
}

/** Whether the account can enter the folder (and write into it, when asked). */
export async function canUse(account: Account, folder: string, write: boolean): Promise<boolean> {
  const test = write ? 'test -x "$1" && test -w "$1"' : 'test -x "$1"';
  return (await runAs(account, '/bin/sh', ['-c', test, 'sh', folder])).ok;
}

/** Gives a folder and all in it to the account; a no-op where the files are ours anyway. */
export async function giveTo(account: Account, path: string): Promise<void> {
  if (account.kind !== 'uid') return;
  const stat = await lstat(path);
  if (stat.isSymbolicLink()) return;
  if (stat.uid !== account.uid || stat.gid !== account.gid) await chown(path, account.uid, account.gid);
  if (!stat.isDirectory()) return;
  for (const name of await readdir(path)) await giveTo(account, join(path, name));
}

/** Asks `isDone` every few milliseconds until it says yes; false when the time is over. */
export async function pollUntil(
  isDone: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isDone())) {
    if (performance.now() > deadline) return false;
    await delay(20);
  }
  return true;
}
