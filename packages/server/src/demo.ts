// `npm run demo`: the main job in one command, on a server and a database of its own that are gone afterwards.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEnvironment, type Environment } from './config/env.ts';
import { createApi, type Api } from './demo/api.ts';
import { DemoError } from './demo/demo-error.ts';
import { PaymentTarget } from './demo/payment-target.ts';
import { freePort, ServerProcess } from './demo/server-process.ts';
import { playStory, type Outcome } from './demo/story.ts';
import { Transcript } from './demo/transcript.ts';

const program = fileURLToPath(new URL('./main.js', import.meta.url));

async function main(): Promise<void> {
  const transcript = new Transcript((text) => process.stdout.write(text), isColored(readEnvironment()));
  transcript.shout('Fermata demo: one run, one approval, one kill -9, one payment');
  const dataDir = await mkdtemp(join(tmpdir(), 'fermata-demo-'));
  await using payments = await PaymentTarget.start();
  const url = `http://127.0.0.1:${await freePort()}`;
  const apiKey = `demo-${randomBytes(16).toString('hex')}`;
  const env = serverEnvironment({ url, dataDir, apiKey, paymentHost: payments.host });
  const api = createApi(`${url}/native/v1`, apiKey);

  // The promise is kept, so that a server that is still starting is ended too.
  let starting: Promise<ServerProcess> | null = null;
  let isOver = false;
  async function startServer(): Promise<ServerProcess> {
    if (isOver) throw new DemoError('stopped');
    const what = starting === null ? 'and its PostgreSQL started' : 'started again';
    if (starting === null) transcript.say('a server and a PostgreSQL of its own are starting …');
    starting = ServerProcess.start({ program, url, env });
    const server = await starting;
    transcript.say(`server ${what} at ${url} (pid ${server.pid})`);
    return server;
  }
  const stop = onInterrupt();
  try {
    const story = playStory({ api, payments, transcript, startServer });
    const outcome = await Promise.race([story, stop.interrupted]);
    await summarize(transcript, api, outcome, payments);
  } catch (error) {
    const server = await settled(starting);
    if (server !== null) transcript.detail(lastLines(server));
    throw error;
  } finally {
    isOver = true;
    const last = await settled(starting);
    // A killed server leaves its database behind; only a server ends it.
    const running =
      last?.isRunning === false ? await settled(ServerProcess.start({ program, url, env })) : last;
    await running?.stop();
    await removeData(dataDir);
    stop.release();
  }
}

async function summarize(
  transcript: Transcript,
  api: Api,
  outcome: Outcome,
  payments: PaymentTarget,
): Promise<void> {
  const { effects, requests } = payments.counts;
  transcript.blank();
  transcript.row('last seq before the kill', String(outcome.lastSeqBeforeKill));
  transcript.row('first seq after it', outcome.firstAfterKill);
  transcript.row('payments made', `${effects} (requests: ${requests})`);
  transcript.row('approved by', `${outcome.approvedBy}, as the log says`);
  transcript.row('killed until it served again', `${outcome.downSeconds.toFixed(1)} s`);
  transcript.row('events', `1 to ${outcome.run.head}, each streamed once, none missing`);
  transcript.row('total', `${transcript.seconds.toFixed(1)} s`);
  const rows = await faceRows(api, outcome);
  if (rows.length > 1) {
    transcript.blank();
    for (const [face, id, status] of rows) transcript.row(face, `${id}  ${status}`);
  }
  transcript.blank();
}

/** The run as each face of the server shows it: face, id, status. The native one alone until others exist. */
async function faceRows(api: Api, { run }: Outcome): Promise<[face: string, id: string, status: string][]> {
  const { server } = await api.me();
  return server.faces
    .filter((face) => face.name === 'native')
    .map((face): [string, string, string] => [face.name, run.id, run.status]);
}

/** What the user has set for a server of their own, the database above all, is not for the demo. */
function serverEnvironment(options: {
  url: string;
  dataDir: string;
  apiKey: string;
  paymentHost: string;
}): Environment {
  const own = Object.entries(readEnvironment()).filter(
    ([name]) => !name.startsWith('FERMATA_') && !['DATABASE_URL', 'PORT', 'HOST'].includes(name),
  );
  return {
    ...Object.fromEntries(own),
    PORT: new URL(options.url).port,
    HOST: '127.0.0.1',
    FERMATA_DATA_DIR: options.dataDir,
    FERMATA_API_KEY: options.apiKey,
    FERMATA_LOG_LEVEL: 'warn',
    FERMATA_ALLOW_PRIVATE_ADDRESSES: options.paymentHost,
  };
}

async function settled(starting: Promise<ServerProcess> | null): Promise<ServerProcess | null> {
  return (await starting?.catch(() => null)) ?? null;
}

/** The data directory, and the folder that it points to where root's database had to lie elsewhere. */
async function removeData(dataDir: string): Promise<void> {
  const elsewhere = (await readFile(join(dataDir, 'postgres-location'), 'utf8').catch(() => '')).trim();
  if (elsewhere !== '') await rm(elsewhere, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}

function lastLines(server: ServerProcess): string {
  const lines = server.output.trimEnd().split('\n').slice(-20);
  return `the server said last:\n${lines.map((line) => `    ${line}`).join('\n')}`;
}

/** Ctrl-C ends the story, but not before the server and its files are gone. */
function onInterrupt(): { interrupted: Promise<never>; release(): void } {
  let onSignal: (signal: string) => void = () => undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    onSignal = (signal) => reject(new DemoError(`stopped by ${signal}`));
  });
  process.on('SIGINT', onSignal);
  // A reader of the transcript, such as `head`, may leave before its end.
  process.stdout.on('error', () => onSignal('its reader'));
  process.on('SIGTERM', onSignal);
  return {
    interrupted,
    release: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

function isColored(env: Environment): boolean {
  return process.stdout.isTTY && (env['NO_COLOR'] ?? '') === '';
}

try {
  await main();
} catch (error) {
  const message =
    error instanceof DemoError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`\nThe demo failed: ${message}\n`);
  process.exitCode = 1;
}
