// Builds on every change and starts the server again. Arguments go to the server.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, requireSupportedNode, root } from './prepare.mjs';

requireSupportedNode();
ensureInstalled();
const esbuild = await import('esbuild');
const { bundleOptions, programs } = await import('./build.mjs');

const SERVER = 'packages/server/dist/main.js';
let child = null;
let isStopping = false;

async function stopServer() {
  const running = child;
  if (!running || running.exitCode !== null || running.signalCode !== null) return;
  const gone = new Promise((resolve) => running.once('exit', resolve));
  running.kill('SIGTERM');
  await gone;
}

let turn = Promise.resolve();
function restartServer() {
  turn = turn.then(async () => {
    await stopServer();
    if (isStopping) return;
    const environmentFile = join(root, '.env');
    const flags = existsSync(environmentFile) ? [`--env-file=${environmentFile}`] : [];
    const args = ['--enable-source-maps', ...flags, join(root, SERVER), ...process.argv.slice(2)];
    // A session of its own keeps Ctrl-C for us; we pass it on once.
    child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', detached: true });
  });
}

const restartAfterBuild = {
  name: 'restart-after-build',
  setup(build) {
    build.onEnd(({ errors }) => {
      if (errors.length === 0) restartServer();
    });
  },
};

const contexts = await Promise.all(
  programs().map(([entry, outfile]) => {
    const options = bundleOptions(entry, outfile);
    const plugins = outfile === SERVER ? [...options.plugins, restartAfterBuild] : options.plugins;
    return esbuild.context({ ...options, plugins });
  }),
);
await Promise.all(contexts.map((context) => context.watch()));

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    isStopping = true;
    turn = turn
      .then(stopServer)
      .then(() => Promise.all(contexts.map((context) => context.dispose())))
      .then(() => process.exit(0));
  });
}
