// Everything that is checked without running the server. All checks run, and all that fail are shown.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, requireSupportedNode, root, seconds } from './prepare.mjs';

requireSupportedNode();
ensureInstalled();

const bin = (name, path) => join(root, 'node_modules', name, path);
const checks = [
  ['format', [bin('prettier', 'bin/prettier.cjs'), '--check', '--log-level=warn', '.']],
  ['types', [bin('typescript', 'bin/tsc'), '--noEmit', '-p', '.']],
  ['lint', [bin('eslint', 'bin/eslint.js'), '.']],
  ['docs/config.md', ['scripts/docs-config.mjs', '--check']],
];
const migrations = join(root, 'packages/server/migrations');
if (existsSync(migrations) && readdirSync(migrations).length > 0) {
  checks.push(['schema.sql', ['scripts/db-dump.mjs', '--check']]);
}
if (existsSync(join(root, 'scripts/openapi.mjs'))) {
  checks.push(['openapi', ['scripts/openapi.mjs', '--check']]);
}

function run([name, args]) {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('close', (code) => {
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds(started)})`);
      if (code !== 0) console.log(output);
      resolve(code === 0);
    });
  });
}

// Two at a time: the type checker and the linter take a core each.
const waiting = [...checks];
const results = [];
async function work() {
  for (let check = waiting.shift(); check; check = waiting.shift()) results.push(await run(check));
}
await Promise.all([work(), work()]);
if (results.includes(false)) process.exitCode = 1;
