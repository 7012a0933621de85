// Writes openapi/<dialect>.json from the operations of each face. With --check it only says what is stale.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Name of the file, module below packages/server/src/dialects, and the function that builds the document. */
const DOCUMENTS = [{ name: 'native', module: 'native/native-face.ts', function: 'nativeOpenApi' }];

/** The modules are TypeScript: bundled into one file that this Node can import. */
async function loadDocuments(folder) {
  const entry = DOCUMENTS.map(
    (document) =>
      `export { ${document.function} } from ${JSON.stringify(`./packages/server/src/dialects/${document.module}`)};`,
  ).join('\n');
  const outfile = join(folder, 'documents.mjs');
  await build({
    stdin: { contents: entry, resolveDir: root, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  return import(pathToFileURL(outfile).href);
}

const isCheck = process.argv.includes('--check');
await mkdir(join(root, 'node_modules', '.cache'), { recursive: true });
const folder = await mkdtemp(join(root, 'node_modules', '.cache', 'openapi-'));
try {
  const modules = await loadDocuments(folder);
  for (const document of DOCUMENTS) {
    const file = join(root, 'openapi', `${document.name}.json`);
    const text = `${JSON.stringify(modules[document.function](), null, 2)}\n`;
    const written = await readFile(file, 'utf8').catch(() => null);
    if (written === text) {
      console.log(`openapi/${document.name}.json is up to date`);
    } else if (isCheck) {
      console.error(`openapi/${document.name}.json is stale: run npm run openapi`);
      process.exitCode = 1;
    } else {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      console.log(`openapi/${document.name}.json written`);
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
