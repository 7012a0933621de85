// DBOS Transact beside the committer: `npm install @dbos-inc/dbos-sdk` in a scratch folder, then from there
// `node <repository>/bench/engines/dbos.mjs <database url>`. Prints lone step ms and steps/s at 256 workflows.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { DBOS } = createRequire(join(process.cwd(), 'index.js'))('@dbos-inc/dbos-sdk');
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: process.argv[2], logLevel: 'error' });
const PAYLOAD = 'x'.repeat(1000);
const steps = DBOS.registerWorkflow(
  async (count) => {
    for (let index = 0; index < count; index++) await DBOS.runStep(async () => PAYLOAD, { name: 'step' });
  },
  { name: 'steps' },
);
await DBOS.launch();
await steps(100);
const started = performance.now();
await steps(300);
const loneMs = (performance.now() - started) / 300;
const many = performance.now();
await Promise.all(Array.from({ length: 256 }, async () => (await DBOS.startWorkflow(steps)(12)).getResult()));
const perSecond = (256 * 12) / ((performance.now() - many) / 1000);
console.log(JSON.stringify({ engine: 'dbos', loneStepMs: loneMs, stepsPerSecond256: perSecond }));
await DBOS.shutdown();
