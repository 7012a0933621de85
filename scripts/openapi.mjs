// Writes openapi/<dialect>.json from the operations of each face; with --check: fails when one is stale.
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { bundleOptions } from './build.mjs';
import { writeOrCheck } from './generated-file.mjs';
import { root } from './prepare.mjs';

/** Name of the document, the module that builds it, and the function of that module. */
const DOCUMENTS = [
  {
    name: 'native',
    module: 'packages/server/src/dialects/native/native-face.ts',
    build: 'nativeOpenApi',
  },
  {
    name: 'telnyx',
    module: 'packages/server/src/dialects/telnyx/telnyx-face.ts',
    build: 'telnyxOpenApi',
  },
  {
    name: 'codegen',
    module: 'packages/server/src/dialects/codegen/codegen-face.ts',
    build: 'codegenOpenApi',
  },
  {
    name: 'runtype',
    module: 'packages/server/src/dialects/runtype/runtype-face.ts',
    build: 'runtypeOpenApi',
  },
  {
    name: 'shannon',
    module: 'packages/server/src/dialects/shannon/shannon-face.ts',
    build: 'shannonOpenApi',
  },
];

/** Imported from within the server's package, whose dependencies may have other versions than the root's. */
async function importServerModule(name, entry) {
  const outfile = join('packages/server/node_modules/.cache', `openapi-${name}-${process.pid}.mjs`);
  await mkdir(dirname(join(root, outfile)), { recursive: true });
  await esbuild.build({ ...bundleOptions(entry, outfile), sourcemap: 'inline' });
  try {
    return await import(pathToFileURL(join(root, outfile)).href);
  } finally {
    await rm(join(root, outfile), { force: true });
  }
}

for (const { name, module, build } of DOCUMENTS) {
  const modules = await importServerModule(name, module);
  const text = `${JSON.stringify(modules[build](), null, 2)}\n`;
  await writeOrCheck(`openapi/${name}.json`, text, 'npm run openapi');
}
