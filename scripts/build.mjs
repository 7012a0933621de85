// Bundles the programs. Workspace packages are inlined from their sources; node_modules stay outside.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { root, seconds } from './prepare.mjs';

const PROGRAMS = [
  ['packages/server/src/main.ts', 'packages/server/dist/main.js'],
  ['packages/server/src/demo.ts', 'packages/server/dist/demo.js'],
  // Started by the server as a thread, under the same name in the sources and beside the bundle.
  ['packages/server/src/agent/flow/sandbox-worker.mjs', 'packages/server/dist/sandbox-worker.mjs'],
  ['packages/cli/src/main.ts', 'packages/cli/dist/main.js'],
];

/** Resolves `@fermata/protocol` and `@fermata/protocol/run.ts` to the sources of the package. */
const inlineWorkspace = {
  name: 'inline-workspace',
  setup(build) {
    build.onResolve({ filter: /^@fermata\// }, ({ path }) => {
      const [, name, ...rest] = path.split('/');
      const inside = rest.length > 0 ? rest.join('/') : 'index.ts';
      return { path: join(root, 'packages', name, 'src', inside) };
    });
    // Checked here and not by `packages: 'external'`, which would keep @fermata outside too.
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path, external: true },
    );
  },
};

/** Options of esbuild for one TypeScript file as a program for Node. */
export function bundleOptions(entry, outfile) {
  return {
    entryPoints: [join(root, entry)],
    outfile: join(root, outfile),
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: true,
    logLevel: 'warning',
    plugins: [inlineWorkspace],
  };
}

/** The programs whose sources exist, as pairs of entry and bundle. */
export function programs() {
  return PROGRAMS.filter(([entry]) => existsSync(join(root, entry)));
}

/** Builds all programs. Throws when one does not compile; esbuild has printed why. */
export async function buildAll() {
  await Promise.all(programs().map(([entry, outfile]) => esbuild.build(bundleOptions(entry, outfile))));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const started = Date.now();
  try {
    await buildAll();
    console.log(`Built ${programs().length} programs in ${seconds(started)}.`);
  } catch {
    process.exitCode = 1;
  }
}
