import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes our process id to `<data dir>/server.pid`. */
export async function writeServerPid(dataDir: string): Promise<void> {
  const path = join(dataDir, 'server.pid');
  const staging = `${path}.${process.pid}`;
  await writeFile(staging, `${process.pid}\n`);
  await rename(staging, path);
}

/** Removes `<data dir>/server.pid` if it still names us. */
export async function removeServerPid(dataDir: string): Promise<void> {
  const path = join(dataDir, 'server.pid');
  const text = await readFile(path, 'utf8').catch(() => '');
  if (Number(text) === process.pid) await rm(path, { force: true });
}
