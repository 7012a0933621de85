// Writes packages/server/schema.sql from the migrations, on a PostgreSQL of its own; with --check: fails when stale.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeOrCheck } from './generated-file.mjs';
import { importTypeScript } from './import-typescript.mjs';
import { root } from './prepare.mjs';

const [{ EmbeddedPostgres }, { migrateDatabase }, { describeSchema }] = await Promise.all([
  importTypeScript('packages/server/src/postgres/embedded.ts'),
  importTypeScript('packages/server/src/store/migrate.ts'),
  importTypeScript('packages/server/src/store/describe-schema.ts'),
]);

const dataDir = await mkdtemp('/tmp/fermata-dump-');
const embedded = await EmbeddedPostgres.start({ dataDir, settings: { fsync: 'off' } });
try {
  const target = embedded.connection;
  await migrateDatabase({ target, folder: join(root, 'packages/server/migrations') });
  await writeOrCheck('packages/server/schema.sql', await describeSchema(target), 'npm run db:dump');
} finally {
  await embedded.stop();
  await rm(dataDir, { recursive: true, force: true });
}
