import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { benchActs } from './acts.ts';
import { benchAnswers } from './answers.ts';
import { benchBulk } from './bulk.ts';
import { benchCommits } from './commits.ts';
import { benchEngines } from './engines.ts';
import { startServerProcess, call, until, type BenchServer } from './http-world.ts';
import { benchInbox } from './inbox.ts';
import { benchParked, insertParked } from './parked.ts';
import { benchProcesses } from './processes.ts';
import { benchReplay } from './replay.ts';
import { benchResumes } from './resumes.ts';
import { benchWorld, type Figure } from './world.ts';

const wanted = new Set(process.argv.slice(2));
const figures: Record<string, Figure> = {};

async function part(name: string, run: () => Promise<Record<string, Figure>>): Promise<void> {
  if (wanted.size > 0 && !wanted.has(name)) return;
  const started = performance.now();
  const measured = await run();
  Object.assign(figures, measured);
  console.log(`${name} (${((performance.now() - started) / 1000).toFixed(0)} s)`);
  for (const [key, figure] of Object.entries(measured)) console.log(`  ${line(key, figure)}`);
}

function line(key: string, { value, unit, baseline, ratio }: Figure): string {
  const beside = baseline === undefined ? '' : `  beside ${round(baseline)}  ratio ${round(ratio ?? 0)}`;
  return `${key.padEnd(28)} ${String(round(value)).padStart(10)} ${unit.padEnd(4)}${beside}`;
}

function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

await using world = await benchWorld();
const { session, databaseUrl } = world;
await session.sql`create table if not exists bare (id int generated always as identity primary key, data text)`;
await part('commits', () => benchCommits(world));
const engines = process.env['FERMATA_BENCH_ENGINES'];
if (engines !== undefined) {
  await part('engines', () => benchEngines(engines, session, world.tcpUrl));
}
await part('acts', () => benchActs(databaseUrl, session));
await part('resumes', async () => {
  const server = await startServerProcess(databaseUrl, { FERMATA_CONCURRENCY: '1000' });
  const result = await benchResumes(server, session);
  await server.stop();
  return result;
});
await part('answers', async () => {
  const server = await startServerProcess(databaseUrl);
  const result = await benchAnswers(server, session);
  await server.stop();
  return result;
});
await part('processes', () => benchProcesses(databaseUrl, session));
await part('replay', () => benchReplay(databaseUrl, session));
await part('bulk', async () => {
  const server = await startServerProcess(databaseUrl);
  const result = await benchBulk(server, session);
  await server.stop();
  return result;
});
await part('parked', async () => {
  const server = await startServerProcess(databaseUrl);
  await waitingRun(server);
  await server.stop();
  return benchParked(databaseUrl, session);
});
await part('inbox', async () => {
  const server = await startServerProcess(databaseUrl);
  await waitingRun(server);
  // Those of the part before, when it was measured.
  const [open] = await session.sql`select count(*)::int as count from waits where state = 'open'`;
  if (Number(open?.['count']) < 100_000) await insertParked(session.sql);
  const result = await benchInbox(server, session);
  await server.stop();
  return result;
});

async function waitingRun(server: BenchServer): Promise<void> {
  const { body } = await call(server, 'POST', '/v1/runs', { model: 'script/approval', input: 'x' });
  await until(
    async () => (await call(server, 'GET', `/v1/runs/${String(body['id'])}`)).body['status'] === 'waiting',
  );
}

// Each part stands beside baselines of its own run, so parts may be measured one at a time.
const file = 'bench/results/latest.json';
await mkdir('bench/results', { recursive: true });
const before = await readFile(file, 'utf8').then(
  (text) => JSON.parse(text) as Record<string, Figure>,
  () => ({}),
);
await writeFile(file, `${JSON.stringify({ ...before, ...figures }, null, 2)}\n`);
