import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { clackPrompter } from './answer/clack-prompter.ts';
import type { CliContext } from './context.ts';
import { readEnvironment, type Environment } from './env.ts';
import { runProgram } from './program.ts';
import { createStyle } from './render/style.ts';

const env = readEnvironment();
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
// A reader such as `head` may leave before the end.
process.stdout.on('error', () => interrupted.abort());

const context: CliContext = {
  env,
  cwd: process.cwd(),
  terminal: {
    out: (line) => void process.stdout.write(line),
    err: (line) => void process.stderr.write(line),
    isInteractive: process.stdin.isTTY && process.stderr.isTTY,
    columns: process.stdout.columns || 80,
    style: createStyle(process.stdout.isTTY && process.stderr.isTTY && (env['NO_COLOR'] ?? '') === ''),
  },
  prompter: clackPrompter(process.stderr),
  signal: interrupted.signal,
  root: fileURLToPath(new URL('../../../', import.meta.url)),
  readStdin: () => text(process.stdin),
  spawn: runChild,
};
process.exitCode = await runProgram(process.argv.slice(2), context);

/** Outlives the child, and passes on the signals that the terminal does not send to it. */
function runChild(file: string, args: readonly string[], environment: Environment): Promise<number> {
  const child = spawn(file, args, { stdio: 'inherit', env: environment });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
