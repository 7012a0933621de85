#!/usr/bin/env node
// Only syntax and built-in modules that old versions of Node know, since this file tells them so.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const program = new URL('../dist/main.js', import.meta.url);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`fermata needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
  process.exitCode = 1;
} else if (!existsSync(fileURLToPath(program))) {
  console.error('The command line is not built yet. Build it with: npm install && npm run build');
  process.exitCode = 1;
} else {
  import(program.href).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}
