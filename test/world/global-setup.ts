import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { migrateJobQueue } from '../../packages/server/src/jobs/queue.ts';
import { EmbeddedPostgres } from '../../packages/server/src/postgres/embedded.ts';
import { migrateDatabase } from '../../packages/server/src/store/migrate.ts';
import { makeScratchFolder } from './scratch-folder.ts';

/**
 * The one PostgreSQL of a test run. `create database "x" template "<templateDatabase>"` gives a migrated database in
 * some ten milliseconds; nobody may stay connected to the template.
 */
export interface TestPostgres {
  /** The folder of the unix socket. */
  host: string;
  port: number;
  user: string;
  /** The database to connect to for `create database`. */
  adminDatabase: string;
  templateDatabase: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: TestPostgres;
  }
}

const TEMPLATE = 'fermata_template';
const MIGRATIONS = fileURLToPath(new URL('../../packages/server/migrations', import.meta.url));

interface Shared {
  users: number;
  server: Promise<{ facts: TestPostgres; stop: () => Promise<void> }>;
}

// Vitest calls this once per project, each in its own module graph: the server is shared through the process.
const registry = globalThis as { fermataTestPostgres?: Shared | undefined };

/** Starts the server, or joins the one that another project has started. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (registry.fermataTestPostgres ??= { users: 0, server: startServer() });
  shared.users++;
  const { facts, stop } = await shared.server;
  project.provide('postgres', facts);
  return async () => {
    shared.users--;
    if (shared.users > 0) return;
    registry.fermataTestPostgres = undefined;
    await stop();
  };
}

async function startServer(): Promise<{ facts: TestPostgres; stop: () => Promise<void> }> {
  const dataDir = await makeScratchFolder('test');
  const embedded = await EmbeddedPostgres.start({
    dataDir,
    database: TEMPLATE,
    // A test run outlives no power cut; the many sessions are those of many servers at once.
    settings: {
      listen_addresses: '127.0.0.1',
      port: String(await freePort()),
      fsync: 'off',
      full_page_writes: 'off',
      max_connections: '400',
      shared_buffers: '256MB',
    },
  });
  const stop = async (): Promise<void> => {
    await embedded.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const { host, port, user } = embedded.connection;
    await migrateTemplate({ host, port, user, database: TEMPLATE });
    const facts = { host, port, user, adminDatabase: 'postgres', templateDatabase: TEMPLATE };
    await closeTemplate(facts);
    return { facts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function migrateTemplate(target: {
  host: string;
  port: number;
  user: string;
  database: string;
}): Promise<void> {
  if (!existsSync(MIGRATIONS)) return;
  await migrateDatabase({
    target,
    folder: MIGRATIONS,
    migrateQueue: migrateJobQueue,
  });
}

/** A connection to the template, however short, makes `create database` fail: nobody may connect from now on. */
async function closeTemplate(facts: TestPostgres): Promise<void> {
  const sql = postgres({
    host: facts.host,
    port: facts.port,
    user: facts.user,
    database: 'postgres',
    max: 1,
  });
  try {
    await sql`alter database ${sql(TEMPLATE)} with allow_connections false`;
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${TEMPLATE}`;
  } finally {
    await sql.end();
  }
}

/** A port that is free now: servers under test run as processes of their own, and are given a URL. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
