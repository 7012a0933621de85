// OpenWorkflow beside the committer: `npm install openworkflow postgres` in a scratch folder, then from there
// `node <repository>/bench/engines/openworkflow.mjs <database url>`. Prints lone step ms and steps/s at 256 workflows.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = join(process.cwd(), 'node_modules/openworkflow/dist');
const { OpenWorkflow } = await import(pathToFileURL(join(folder, 'index.js')).href);
const { BackendPostgres } = await import(pathToFileURL(join(folder, 'postgres.js')).href);
const backend = await BackendPostgres.connect(process.argv[2]);
const engine = new OpenWorkflow({ backend });
const PAYLOAD = 'x'.repeat(1000);
const steps = engine.defineWorkflow({ name: 'steps' }, async ({ input, step }) => {
  for (let index = 0; index < input.count; index++)
    await step.run({ name: `step-${index}` }, async () => PAYLOAD);
});
const worker = engine.newWorker({ concurrency: 256 });
await worker.start();
await (await steps.run({ count: 20 })).result();
const started = performance.now();
await (await steps.run({ count: 100 })).result();
const loneMs = (performance.now() - started) / 100;
const many = performance.now();
const handles = await Promise.all(Array.from({ length: 256 }, () => steps.run({ count: 12 })));
await Promise.all(handles.map((handle) => handle.result({ timeoutMs: 300_000 })));
const perSecond = (256 * 12) / ((performance.now() - many) / 1000);
console.log(JSON.stringify({ engine: 'openworkflow', loneStepMs: loneMs, stepsPerSecond256: perSecond }));
await worker.stop();
await backend.stop();
process.exit(0);
