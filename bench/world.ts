import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { Actor } from '@fermata/protocol';
import { v7 } from 'uuid';
import type { CommitListener } from '../packages/server/src/engine/commit.ts';
import type { NewRun } from '../packages/server/src/engine/new-run.ts';
import { migrateJobQueue } from '../packages/server/src/jobs/queue.ts';
import { EmbeddedPostgres } from '../packages/server/src/postgres/embedded.ts';
import { Committer } from '../packages/server/src/store/committer.ts';
import type { DatabaseTarget } from '../packages/server/src/store/database-target.ts';
import { migrateDatabase } from '../packages/server/src/store/migrate.ts';
import { Session } from '../packages/server/src/store/session.ts';

/** One figure of the bench, beside what it is compared with. */
export interface Figure {
  value: number;
  unit: string;
  baseline?: number;
  ratio?: number;
  note?: string;
}

export interface BenchWorld extends AsyncDisposable {
  target: Exclude<DatabaseTarget, string>;
  dataDir: string;
  session: Session;
  /** For server processes: by the unix socket. */
  databaseUrl: string;
  /** Any database of the server, by TCP. */
  tcpUrl(database: string): string;
}

const MIGRATIONS = join(process.cwd(), 'packages/server/migrations');

/** A durable embedded PostgreSQL of the bench's own, with settings as in production. */
export async function benchWorld(): Promise<BenchWorld> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fermata-bench-'));
  const port = await freePort();
  const embedded = await EmbeddedPostgres.start({
    dataDir,
    database: 'fermata',
    // Our servers use the socket, as users' do; other engines are given TCP, which all of them understand.
    settings: { listen_addresses: '127.0.0.1', port: String(port) },
  });
  const target = embedded.connection;
  await migrateDatabase({ target, folder: MIGRATIONS, migrateQueue: (url) => migrateJobQueue(url) });
  const session = await Session.open(target, { part: 'bench', settings: { statement_timeout: 0 } });
  await session.sql`insert into organizations (id, uuid, name) values (1, gen_random_uuid(), 'bench') on conflict do nothing`;
  return {
    target,
    dataDir,
    session,
    databaseUrl: `postgres://${target.user}@localhost/${target.database}?host=${encodeURIComponent(target.host)}&port=${target.port}`,
    tcpUrl: (database) => `postgres://${target.user}@127.0.0.1:${port}/${database}`,
    async [Symbol.asyncDispose]() {
      await session.close();
      await embedded.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export const by: Actor = { type: 'principal', id: 'bench', name: 'bench' };

export const NOBODY: CommitListener = {
  offer: () => null,
  withdraw: () => {},
  claimed: () => {},
  committed: () => {},
};

export function benchCommitter(target: DatabaseTarget): Committer {
  return new Committer({
    target,
    listener: NOBODY,
    addJobs: () => null,
    newId: (prefix) => prefix + randomUUID(),
    organizationConcurrency: null,
    onError: (error) => console.error(error),
  });
}

export function externalRun(): NewRun {
  return {
    runId: v7(),
    secrets: null,
    created: {
      organizationId: 1,
      by,
      key: null,
      mode: 'external',
      kind: 'agent',
      origin: 'native',
      agent: null,
      flow: null,
      title: null,
      sessionId: null,
      missionId: null,
      parent: null,
      forkedFrom: null,
      input: null,
      limits: {},
      onLimit: 'fail',
      onProviderFailure: 'fail',
      metadata: {},
      face: null,
      startAt: null,
      traceparent: null,
    },
  };
}

export function median(values: number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
