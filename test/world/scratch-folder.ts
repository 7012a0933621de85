import { access, constants, mkdtemp, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 2_000_000_000;

/**
 * A new empty folder for data that no test needs after a power cut: in memory where that is roomy, since making
 * PostgreSQL clusters and databases is mostly waiting for the disk.
 */
export async function makeScratchFolder(prefix: string): Promise<string> {
  return mkdtemp(join(await findBase(), `fermata-${prefix}-`));
}

async function findBase(): Promise<string> {
  try {
    await access(MEMORY, constants.W_OK);
    const { bavail, bsize } = await statfs(MEMORY);
    return bavail * bsize > ENOUGH_BYTES ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}
