// `postmaster.pid` is PostgreSQL's own lock file: pid, data directory, start time, port, socket directory,
// listen address, shared memory key, status, one per line (src/include/utils/pidfile.h).
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export type PostmasterStatus = 'starting' | 'stopping' | 'ready' | 'standby' | 'unknown';

export interface PostmasterFile {
  text: string;
  pid: number;
  port: number;
  socketDir: string;
  status: PostmasterStatus;
}

const STATUSES: readonly string[] = ['starting', 'stopping', 'ready', 'standby'];

/** Parses `postmaster.pid`; null when it holds no pid. A file that is still being written parses too. */
export function parsePostmasterFile(text: string): PostmasterFile | null {
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return null;
  const status = lines[7] ?? '';
  return {
    text,
    pid,
    port: Number(lines[3]) || 5432,
    socketDir: lines[4] ?? '',
    status: STATUSES.includes(status) ? (status as PostmasterStatus) : 'unknown',
  };
}

/** The postmaster file of a cluster, or null when there is none. */
export async function readPostmasterFile(pgData: string): Promise<PostmasterFile | null> {
  const text = await readFile(join(pgData, 'postmaster.pid'), 'utf8').catch(() => null);
  return text === null ? null : parsePostmasterFile(text);
}

/** Whether a process with this id exists and is not a zombie (containers often have no reaper). */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** Whether the process is a PostgreSQL server on this data directory, and not a stranger with a reused id. */
export function isPostmasterOf(pid: number, pgData: string): boolean {
  if (!isProcessAlive(pid)) return false;
  try {
    if (process.platform === 'linux') {
      // The postmaster's working directory is its data directory.
      return realpathSync(readlinkSync(`/proc/${pid}/cwd`)) === realpathSync(pgData);
    }
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(pgData);
  } catch {
    return commandLineHas(pid, pgData);
  }
}

function commandLineHas(pid: number, pgData: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(pgData);
  } catch {
    return false;
  }
}
