import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { bundleOptions } from './build.mjs';
import { root } from './prepare.mjs';

/** Imports a TypeScript module of this repository, for scripts; Node 20 does not do that by itself. */
export async function importTypeScript(entry) {
  const folder = join('node_modules', '.cache', 'fermata');
  await mkdir(join(root, folder), { recursive: true });
  const outfile = join(folder, `${entry.replace(/\W+/g, '-')}-${process.pid}.mjs`);
  await esbuild.build({ ...bundleOptions(entry, outfile), sourcemap: 'inline' });
  try {
    return await import(pathToFileURL(join(root, outfile)).href);
  } finally {
    await rm(join(root, outfile), { force: true });
  }
}
