import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { root } from './prepare.mjs';

/** Writes a generated file; with `--check` on the command line only compares it, and fails when it is stale. */
export async function writeOrCheck(path, text, command) {
  const present = await readFile(join(root, path), 'utf8').catch(() => null);
  if (present === text) return;
  if (process.argv.includes('--check')) {
    console.error(`${path} is stale: run ${command} and commit the result.`);
    process.exitCode = 1;
    return;
  }
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
  console.log(`Wrote ${path}.`);
}
