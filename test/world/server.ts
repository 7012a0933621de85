import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Role, Run, RunEvent } from '@fermata/protocol';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { loadConfig } from '../../packages/server/src/config/config.ts';
import { fold } from '../../packages/server/src/engine/apply.ts';
import { createLogger, type Logger } from '../../packages/server/src/observe/log.ts';
import { startServer, type Server } from '../../packages/server/src/server.ts';
import type { Sql } from '../../packages/server/src/store/sql.ts';
import { ApiClient, type Body } from './api-client.ts';
import { testDatabase, type TestDatabase } from './database.ts';
import { startGatedModel, type GatedModel } from './gated-model.ts';
import { assertRunIsConsistent } from './log-check.ts';
import { startToolTarget, type ToolTarget } from './tool-target.ts';

export interface WorldOptions {
  /** Environment of the servers, on top of the world's own. */
  env?: Record<string, string>;
  /** Servers on the one database; 1 unless told. */
  servers?: number;
  /** Messages of error lines that the test provokes. */
  errors?: RegExp;
}

/** A whole server in the process of the test, over real HTTP, on a database of its own. */
export interface World extends AsyncDisposable {
  database: TestDatabase;
  servers: Server[];
  url: string;
  /** Clients of the first server, one per role. */
  api: ApiClient;
  developer: ApiClient;
  operator: ApiClient;
  viewer: ApiClient;
  /** The admin of another organization. */
  stranger: ApiClient;
  /** The admin's client at the second server. */
  second: ApiClient;
  /** What http tools call. */
  target: ToolTarget;
  /** The model `gated/…`, whose every word the test says itself. */
  model: GatedModel;
  /** Every reply and every frame that a client has read. */
  replies: string[];
  /** Every line that the servers have logged. */
  logs: string[];
  /** Starts a run with a script. */
  script(turns: Body[], more?: Body): Promise<Run>;
  /** One more server on the same database. */
  addServer(env?: Record<string, string>): Promise<Server>;
}

const SECRET_KEY = Buffer.alloc(32, 7);

export async function testWorld(options: WorldOptions = {}): Promise<World> {
  const database = await testDatabase();
  const target = await startToolTarget();
  const model = await startGatedModel();
  const servers: Server[] = [];
  const logs: string[] = [];
  const logger = createLogger({ level: 'debug', destination: { write: (line) => void logs.push(line) } });
  const adminKey = newKey();

  async function addServer(env: Record<string, string> = {}): Promise<Server> {
    const server = await serve(database, adminKey, logger, {
      FERMATA_OPENAI_COMPATIBLE: JSON.stringify({ gated: { baseUrl: model.url } }),
      ...options.env,
      ...env,
    });
    servers.push(server);
    return server;
  }

  async function dispose(): Promise<void> {
    try {
      await inTime(Promise.all(servers.map((server) => server.close())), logs);
      checkLogs(logs, options.errors);
      await checkNoSessions(database);
      await checkRuns(database);
    } finally {
      await model[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    }
  }

  try {
    for (let i = 0; i < (options.servers ?? 1); i++) await addServer();
    const keys = await insertKeys(database);
    const replies: string[] = [];
    const url = servers[0]?.url ?? '';
    const client = (key: string, base = url): ApiClient =>
      new ApiClient(base, key, (text) => void replies.push(text));
    const api = client(adminKey);
    return {
      database,
      servers,
      url,
      api,
      developer: client(keys.developer),
      operator: client(keys.operator),
      viewer: client(keys.viewer),
      stranger: client(keys.stranger),
      second: api.at(servers[1]?.url ?? url),
      target,
      model,
      replies,
      logs,
      script: (turns, more = {}) => api.start({ input: 'go', ...more, script: turns }),
      addServer,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** One world for all tests of a file: they must not count on being alone in it. */
export function sharedWorld(options: WorldOptions = {}): () => World {
  let world: World | null = null;
  beforeAll(async () => {
    world = await testWorld(options);
  });
  afterAll(() => world?.[Symbol.asyncDispose]());
  return () => {
    if (world === null) throw new Error('the world has not begun');
    return world;
  };
}

function newKey(): string {
  return `fermata_${randomBytes(24).toString('base64url')}`;
}

async function serve(
  database: TestDatabase,
  apiKey: string,
  logger: Logger,
  env: Record<string, string>,
): Promise<Server> {
  const { config } = loadConfig({
    PORT: '0',
    FERMATA_MODEL: 'script/echo',
    FERMATA_ALLOW_PRIVATE_ADDRESSES: '127.0.0.1',
    FERMATA_DRAIN_MS: '2000',
    ...env,
  });
  return startServer({
    config,
    target: database.target,
    isEmbedded: false,
    secretKey: SECRET_KEY,
    receiptKey:
      config.keys.receiptKey === null ? SECRET_KEY : Buffer.from(config.keys.receiptKey.reveal(), 'base64'),
    apiKey,
    logger,
    isCheckingReplies: true,
  });
}

/** Principals and keys that no request has made: one per role, and an admin of another organization. */
async function insertKeys({
  sql,
}: TestDatabase): Promise<Record<'developer' | 'operator' | 'viewer' | 'stranger', string>> {
  await sql`insert into organizations (id, uuid, name) values (2, ${randomUUID()}, 'another') on conflict do nothing`;
  const insert = async (organizationId: number, role: Role): Promise<string> => {
    const [principalId, secret] = [randomUUID(), newKey()];
    const name = organizationId === 1 ? role : 'stranger';
    await sql`
      insert into principals (id, organization_id, type, name, role)
      values (${principalId}, ${organizationId}, 'person', ${name}, ${role})`;
    await sql`
      insert into keys (id, organization_id, principal_id, name, role, prefix, hash)
      values (${`key_${randomBytes(12).toString('hex')}`}, ${organizationId}, ${principalId}, ${name}, ${role},
        ${secret.slice(0, 12)}, ${createHash('sha256').update(secret).digest()})`;
    return secret;
  };
  return {
    developer: await insert(1, 'developer'),
    operator: await insert(1, 'operator'),
    viewer: await insert(1, 'viewer'),
    stranger: await insert(2, 'admin'),
  };
}

const CLOSE_MS = 20_000;

async function inTime(closed: Promise<unknown>, logs: readonly string[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const text = (): string => logs.slice(-20).join('');
    timer = setTimeout(
      () => reject(new Error(`a server does not close; its last words:\n${text()}`)),
      CLOSE_MS,
    );
  });
  await Promise.race([closed, late]).finally(() => clearTimeout(timer));
}

/** A server that has closed has left no session behind. */
async function checkNoSessions({ sql, target }: TestDatabase): Promise<void> {
  await vi.waitFor(
    async () => {
      const left = await sql<{ name: string; query: string }[]>`
        select application_name as name, left(query, 200) as query from pg_stat_activity
        where datname = ${target.database} and pid <> pg_backend_pid() and backend_type = 'client backend'`;
      if (left.length > 0) throw new Error(`sessions are left open: ${JSON.stringify(left)}`);
    },
    { timeout: 5_000, interval: 20 },
  );
}

/** Every run of the world keeps to the invariants, whatever the test was about. */
async function checkRuns({ sql }: TestDatabase): Promise<void> {
  const runs = await sql<{ id: string; isFork: boolean }[]>`
    select id, forked_from is not null as "isFork" from runs order by number`;
  for (const { id, isFork } of runs) {
    await (isFork ? checkFork(sql, id) : assertRunIsConsistent(sql, id)).catch((error: unknown) => {
      throw new Error(`run ${id} is not consistent: ${String(error)}`, { cause: error });
    });
  }
  if (!runs.some((run) => run.isFork)) await checkUsage(sql);
}

/** What the rows of `usage` sum up to is what the logs say, each event once. */
async function checkUsage(sql: Sql): Promise<void> {
  const sums = await sql`
    select organization_id, sum(turns)::int as turns, sum(input_tokens)::int as input, sum(output_tokens)::int as output
    from usage group by 1 having sum(turns) > 0 order by 1`;
  const logged = await sql`
    select r.organization_id, count(*)::int as turns, sum((e.data->'usage'->>'inputTokens')::int)::int as input,
      sum((e.data->'usage'->>'outputTokens')::int)::int as output
    from events e join runs r on r.id = e.run_id where e.type = 'message.completed' group by 1 order by 1`;
  expect([...sums], 'usage is what the logs say').toEqual([...logged]);
}

/** A fork's log names waits of its original, which have no rows of its own; the rest is as with every run. */
async function checkFork(sql: Sql, runId: string): Promise<void> {
  const events = await sql<RunEvent[]>`
    select run_id as "runId", seq, type, at, v, data from events where run_id = ${runId} order by seq`;
  let last = 0;
  for (const event of events) {
    const first = event.type === 'message.delta' ? (event.data.from ?? event.seq) : event.seq;
    expect(first, 'seq is dense').toBe(last + 1);
    last = event.seq;
  }
  const [row] = await sql<{ state: unknown }[]>`select state from run_state where run_id = ${runId}`;
  expect(row?.state).toEqual(JSON.parse(JSON.stringify(fold(events))));
}

/** A server logs an error only for what is its own fault, or the test's. */
function checkLogs(logs: readonly string[], expected: RegExp | undefined): void {
  const errors = logs.filter((line) => /"level":"(error|fatal)"/.test(line) && expected?.test(line) !== true);
  if (errors.length > 0) throw new Error(`the server logged errors:\n${errors.join('')}`);
}
