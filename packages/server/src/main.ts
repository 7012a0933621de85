import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, loadConfig, type Config } from './config/config.ts';
import { readEnvironment } from './config/env.ts';
import { ListenError } from './config/listen-error.ts';
import { loadReceiptKey, loadSecretKey, readOrCreateSecretFile } from './config/secrets.ts';
import { migrateJobQueue } from './jobs/queue.ts';
import { armCrashPoint } from './observe/crash-point.ts';
import { createLogger } from './observe/log.ts';
import { EmbeddedPostgresError } from './postgres/embedded-postgres-error.ts';
import { EmbeddedPostgres } from './postgres/embedded.ts';
import { removeServerPid, writeServerPid } from './postgres/server-pid-file.ts';
import { startServer, VERSION } from './server.ts';
import type { DatabaseTarget } from './store/database-target.ts';
import { chooseSessionTarget, DatabaseError } from './store/inspect-database.ts';
import { migrateDatabase, MigrationError } from './store/migrate.ts';

/** The process shell: reads the configuration, starts what is needed, says so, and ends in order. */
async function main(): Promise<void> {
  const started = performance.now();
  const args = process.argv.slice(2);
  const isMigrating = args[0] === 'migrate';
  const { config, warnings } = loadConfig(readEnvironment(), isMigrating ? args.slice(1) : args);
  armCrashPoint(config.testing.crashAt);
  armCrashPoint(config.testing.stopAt, 'SIGSTOP');
  for (const warning of warnings) say(`Note: ${warning}`);
  await mkdir(config.server.dataDir, { recursive: true });
  const logger = createLogger({ level: config.server.logLevel });

  const ending = exitCode();
  const database = await openDatabase(config, (error) => {
    logger.fatal({ err: error }, 'the database is lost to another server');
    ending.decide(1);
  });
  await using _database = database;
  const { applied } = await migrateDatabase({
    target: database.target,
    // Beside the program.
    folder: join(dirname(fileURLToPath(import.meta.url)), '..', 'migrations'),
    migrateQueue: (connectionString) => migrateJobQueue(connectionString, logger),
    onWaiting: () => say('Waiting for another process that migrates the database …'),
  });
  if (isMigrating) {
    say(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`);
    return;
  }
  const keyFile = join(config.server.dataDir, 'api-key');
  const apiKey =
    config.keys.apiKey?.reveal() ??
    (await readOrCreateSecretFile(keyFile, () => `fermata_${randomBytes(24).toString('base64url')}`));
  await using server = await startServer({
    config,
    target: database.target,
    isEmbedded: database.isEmbedded,
    isDatabaseUp: database.isUp,
    secretKey: await loadSecretKey(config.keys.secretKey, config.server.dataDir),
    receiptKey: await loadReceiptKey(config.keys.receiptKey, config.server.dataDir),
    apiKey,
    logger,
    onFatal(error) {
      logger.fatal({ err: error }, 'this process has lost its place and must end');
      ending.decide(1);
    },
  });
  welcome(config, server.url, { apiKey, keyFile, isNew: server.isNewKey }, started);
  onSignals((signal) => {
    say(`${signal}: handing over and stopping …`);
    ending.decide(0);
  });
  process.exitCode = await ending.promise;
  await server.close();
}

/** The exit code, once somebody has decided it. */
function exitCode(): { promise: Promise<number>; decide(code: number): void } {
  let decide: (code: number) => void = () => {};
  const promise = new Promise<number>((resolve) => {
    decide = resolve;
  });
  return { promise, decide: (code) => decide(code) };
}

interface Database extends AsyncDisposable {
  target: DatabaseTarget;
  isEmbedded: boolean;
  isUp(): boolean;
}

async function openDatabase(config: Config, onLost: (error: Error) => void): Promise<Database> {
  const { url, directUrl } = config.database;
  const { dataDir } = config.server;
  if (url !== null) {
    say('Connecting to the database of DATABASE_URL …');
    const target = await chooseSessionTarget(url.reveal(), directUrl?.reveal() ?? null);
    await writeServerPid(dataDir);
    return {
      target,
      isEmbedded: false,
      isUp: () => true,
      [Symbol.asyncDispose]: () => removeServerPid(dataDir),
    };
  }
  say(`Starting PostgreSQL in ${dataDir} …`);
  const started = performance.now();
  const embedded = await EmbeddedPostgres.start({
    dataDir,
    onDown: () => say('PostgreSQL has stopped; starting it again …'),
    onUp: () => say('PostgreSQL is back.'),
    onLost,
  });
  say(`PostgreSQL ${embedded.version} is ready (${seconds(started)}).`);
  return {
    target: embedded.connection,
    isEmbedded: true,
    isUp: () => embedded.isUp,
    [Symbol.asyncDispose]: () => embedded.stop(),
  };
}

interface AdminKey {
  apiKey: string;
  keyFile: string;
  isNew: boolean;
}

function welcome(config: Config, url: string, { apiKey, keyFile, isNew }: AdminKey, started: number): void {
  const base = config.server.publicUrl ?? url;
  say(`Fermata ${VERSION} serves ${base} (${seconds(started)}). Docs: ${base}/docs`);
  if (config.keys.apiKey === null && isNew) say(`Admin key, kept in ${keyFile}:\n\n  ${apiKey}`);
  const bearer = config.keys.apiKey === null ? `$(cat '${keyFile}')` : '$FERMATA_API_KEY';
  say(`
Try it: start a run that stops at an approval, watch it, approve its call.

  A="Authorization: Bearer ${bearer}"; J="Content-Type: application/json"; RUN=$(curl -s ${base}/v1/runs -H "$A" -H "$J" -d '{"model":"script/approval","input":"Send the report"}' | grep -o '[0-9a-f-]\\{36\\}' | head -1)
  curl -sN "${base}/v1/runs/$RUN/events?until=parked" -H "$A" -H "Accept: text/event-stream"
  WAIT=$(curl -s "${base}/v1/waits?run=$RUN" -H "$A"); curl -s "${base}/v1/waits/$(echo "$WAIT" | grep -o 'wait_[0-9a-f-]*' | head -1)/answer" -H "$A" -H "$J" -d '{"decision":"approve","digest":"'$(echo "$WAIT" | grep -o '[0-9a-f]\\{64\\}' | head -1)'"}'
`);
}

function onSignals(stop: (signal: string) => void): void {
  let asked = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(130);
      asked = true;
      stop(signal);
    });
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function isExplained(error: unknown): error is Error {
  return [ConfigError, EmbeddedPostgresError, DatabaseError, MigrationError, ListenError].some(
    (kind) => error instanceof kind,
  );
}

try {
  await main();
  process.exit(process.exitCode ?? 0);
} catch (error) {
  if (isExplained(error)) process.stderr.write(`${error.message}\n`);
  else
    process.stderr.write(
      `Fermata could not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
  process.exit(1);
}
