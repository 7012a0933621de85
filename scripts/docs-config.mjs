// Writes docs/config.md from the schema of the environment variables; with --check: fails when it is stale.
import { writeOrCheck } from './generated-file.mjs';
import { importTypeScript } from './import-typescript.mjs';

const { describeConfig } = await importTypeScript('packages/server/src/config/describe-config.ts');
await writeOrCheck('docs/config.md', describeConfig(), 'npm run docs:config');
