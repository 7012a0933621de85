// Builds and runs the bench; `npm run bench -- commits` runs the parts whose names are given.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { buildAll, bundleOptions } from './build.mjs';
import { root } from './prepare.mjs';

await buildAll();
await esbuild.build(bundleOptions('bench/main.ts', 'bench/dist/main.js'));
const { status } = spawnSync(process.execPath, [join(root, 'bench/dist/main.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  cwd: root,
});
process.exit(status ?? 1);
