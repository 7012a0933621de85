// `npm start`: installs and builds what is missing, then serves. With --demo: shows the main job and ends.
// Syntax that Node 16 understands, see prepare.mjs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, requireSupportedNode, root } from './prepare.mjs';

requireSupportedNode();
ensureInstalled();
ensureBuilt();

const isDemo = process.argv.includes('--demo');
process.argv = process.argv.filter((argument) => argument !== '--demo');
process.setSourceMapsEnabled(true);
const environmentFile = join(root, '.env');
if (existsSync(environmentFile)) process.loadEnvFile(environmentFile);

// npm passes a signal on to its shell, and most shells die of it without telling us.
const shell = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === shell) return;
  clearInterval(watch);
  process.kill(process.pid, 'SIGTERM');
}, 200);
if (process.env.npm_lifecycle_event) watch.unref();
else clearInterval(watch);

// In this very process: signals reach the server once and directly, and its exit code is ours.
const program = join(root, 'packages', 'server', 'dist', isDemo ? 'demo.js' : 'main.js');
process.argv[1] = program;
import(pathToFileURL(program).href).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
