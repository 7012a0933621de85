// What every script needs before it can do anything: a supported Node, the dependencies, the bundles.
// Only syntax and built-in modules that Node 16 knows, since this file tells older ones so in one line.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Ends the process with one line when this Node is too old. */
export function requireSupportedNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(
    `Fermata needs Node.js 20.19 or newer (20, 22 and 24 are supported); this is ${process.versions.node}.`,
  );
  process.exit(1);
}

/** Runs `npm ci` (else `npm install`) when a dependency is missing or has another version than the lock file says. */
export function ensureInstalled() {
  if (isInstalled()) return;
  const started = Date.now();
  console.log('Installing dependencies …');
  const flags = [
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    '--loglevel=error',
  ];
  if (!npm(['ci', ...flags]) && !npm(['install', ...flags])) {
    console.error('npm could not install the dependencies; its message is above.');
    process.exit(1);
  }
  console.log(`Installed dependencies in ${seconds(started)}.`);
}

function isInstalled() {
  const wanted = readLock(join(root, 'package-lock.json'));
  const present = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    // Optional packages are left out on platforms that they are not for.
    if (!path.startsWith('node_modules/') || entry.optional || entry.devOptional) return true;
    const found = present[path];
    if (!found || found.version !== entry.version) return false;
    return entry.link === true || existsSync(join(root, path, 'package.json'));
  });
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return null;
  }
}

function npm(args) {
  const script = process.env.npm_execpath;
  const isNpm = script && /npm-cli\.c?js$/.test(script);
  const [command, ...rest] = isNpm ? [process.execPath, script, ...args] : ['npm', ...args];
  const result = spawnSync(command, rest, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  return result.status === 0;
}

/** Builds the bundles when one is missing or older than its sources. */
export function ensureBuilt() {
  if (isBuilt()) return;
  const result = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], {
    cwd: root,
    stdio: 'inherit',
  });
  if (result.status !== 0) process.exit(1);
}

function isBuilt() {
  const bundles = ['server/dist/main.js', 'server/dist/demo.js', 'cli/dist/main.js']
    .map((path) => join(root, 'packages', path))
    .filter((path) => existsSync(sourceOf(path)));
  if (!bundles.every(existsSync)) return false;
  const oldest = Math.min(...bundles.map((path) => statSync(path).mtimeMs));
  const sources = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
  const newest = Math.max(
    statSync(join(root, 'scripts', 'build.mjs')).mtimeMs,
    ...sources.flatMap((path) => [newestIn(join(path, 'src')), newestIn(join(path, 'package.json'))]),
  );
  return newest < oldest;
}

function sourceOf(bundle) {
  return bundle.replace(/dist([/\\])(\w+)\.js$/, 'src$1$2.ts');
}

function newestIn(path) {
  if (!existsSync(path)) return 0;
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}

/** How long ago a time was, as in "1.2 s". */
export function seconds(startedAt) {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}
