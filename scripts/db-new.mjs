// npm run db:new -- what-it-does: makes the next migration file.
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './prepare.mjs';

const what = process.argv.slice(2).join('-').toLowerCase();
if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(what)) {
  console.error('Say what the migration does: npm run db:new -- add-tags-to-runs');
  process.exit(1);
}
const folder = join(root, 'packages/server/migrations');
await mkdir(folder, { recursive: true });
const last = Math.max(0, ...(await readdir(folder)).map((name) => Number(/^\d{4}/.exec(name)?.[0] ?? 0)));
const path = join(folder, `${String(last + 1).padStart(4, '0')}-${what}.sql`);
if (existsSync(path)) throw new Error(`${path} exists`);
await writeFile(
  path,
  `-- Why: …. Locks: which, on which tables, for how long. Breaking: no.
-- (A breaking migration, which older releases must refuse, has a line "--! breaking" here. One statement that cannot
-- run in a transaction stands alone in a file with a line "--! no-transaction".)

`,
);
console.log(`Wrote ${path}. Run npm run db:dump after filling it in.`);
