import { describe, expect } from 'vitest';
import { testWorld, type World } from '../../world/server.ts';
import { CodegenClient, codegenOf } from './codegen-client.ts';
import { verifies } from './verifies.ts';

const ORG = '/v1/organizations/1';

/** Statuses of so many requests, one after the other, at the servers in turn. */
async function statuses(
  clients: CodegenClient[],
  count: number,
  method: string,
  path: string,
  body?: unknown,
): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const client = clients[i % clients.length];
    if (client === undefined) throw new Error('no client');
    const reply = await client.request(method, path, { body });
    seen.push(reply.status);
    if (reply.status !== 429) continue;
    const after = Number(reply.headers.get('retry-after'));
    expect(after).toBeGreaterThanOrEqual(1);
    expect(after).toBeLessThanOrEqual(60);
    const message = 'Rate limit exceeded. Please try again later.';
    expect(reply.body).toEqual({ message, status_code: 429, detail: message });
  }
  return seen;
}

function clientsOf(world: World, key: string): CodegenClient[] {
  return world.servers.map(({ url }) => new CodegenClient(`${url}/codegen`, key));
}

const times = (status: number, count: number): number[] => Array<number>(count).fill(status);

describe('rate limits', () => {
  verifies(
    ['rate.documented', 'rate.aliases'],
    async () => {
      await using world = await testWorld({ servers: 2 });
      const clients = clientsOf(world, world.api.key);
      const run = await world.api.start({ input: 'x' });
      await world.api.finished(run.id);
      const created = await statuses(clients, 12, 'POST', `${ORG}/agent/run`, { prompt: 'x' });
      expect(created).toEqual([...times(200, 10), 429, 429]);
      expect(await statuses(clients, 62, 'GET', `${ORG}/agent/run/${run.number}`)).toEqual([
        ...times(200, 60),
        429,
        429,
      ]);
      // Another operation, and another key, have a window of their own.
      expect(await statuses(clients, 1, 'GET', `${ORG}/agent/runs`)).toEqual([200]);
      expect(
        await statuses([codegenOf(world, 'developer')], 1, 'POST', `${ORG}/agent/run`, { prompt: 'x' }),
      ).toEqual([200]);
      const resume = { agent_run_id: run.number, prompt: '' };
      expect(await statuses(clients, 6, 'POST', `${ORG}/agent/run/resume`, resume)).toEqual(times(200, 6));
      const beta = '/v1/beta/organizations/1/agent/run/resume';
      expect(await statuses(clients, 5, 'POST', beta, resume)).toEqual([...times(200, 4), 429]);
      const byPath = `${ORG}/agent/run/${run.number}/resume`;
      expect(await statuses(clients, 1, 'POST', byPath, { prompt: '' })).toEqual([429]);
      expect(await statuses(clients, 6, 'POST', `${ORG}/setup-commands/generate`, { repo_id: 1 })).toEqual([
        ...times(200, 5),
        429,
      ]);
      // What has no documented rate has none.
      const stop = { agent_run_id: run.number };
      expect(await statuses(clients, 15, 'POST', '/v1/beta/organizations/1/agent/run/stop', stop)).toEqual(
        times(200, 15),
      );
      // A refused request is one, whatever is wrong with it; one without a key is none of anybody's.
      const [row] = await world.database.sql<
        { windows: number }[]
      >`select count(*) as windows from rate_limits`;
      expect(row?.windows).toBeGreaterThanOrEqual(5);
    },
    60_000,
  );

  verifies(['rate.exempt'], async () => {
    await using world = await testWorld();
    const [key] = await world.database.sql<{ id: string }[]>`
      select id from keys where role = 'developer'`;
    const server = await world.addServer({ FERMATA_UNLIMITED_KEYS: `key_x, ${key?.id ?? ''}` });
    const exempt = new CodegenClient(`${server.url}/codegen`, world.developer.key);
    expect(await statuses([exempt], 12, 'POST', `${ORG}/agent/run`, { prompt: 'x' })).toEqual(times(200, 12));
    const counted = new CodegenClient(`${server.url}/codegen`, world.api.key);
    expect(await statuses([counted], 11, 'POST', `${ORG}/agent/run`, { prompt: 'x' })).toEqual([
      ...times(200, 10),
      429,
    ]);
    const off = await world.addServer({ FERMATA_CODEGEN_RATE_LIMITS: 'off' });
    const unlimited = new CodegenClient(`${off.url}/codegen`, world.api.key);
    expect(await statuses([unlimited], 3, 'POST', `${ORG}/agent/run`, { prompt: 'x' })).toEqual(
      times(200, 3),
    );
  });
});
