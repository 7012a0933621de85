import type { CreateKeyReply, KeyReply, MeReply, PrincipalReply } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { ApiClient } from '../../world/api-client.ts';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

interface Agent {
  id: string;
  name: string;
  version: number;
  model: string;
  createdAt: string;
  updatedAt: string;
}
interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

async function statusOf(key: string): Promise<number> {
  return (await new ApiClient(world().url, key).request('GET', '/v1/me')).status;
}

describe('identity', () => {
  verifies(['me.get'], async () => {
    const me = await world().operator.call<MeReply>('GET', '/v1/me');
    expect(me).toMatchObject({
      principal: { name: 'operator', role: 'operator', organizationId: 1 },
      key: { role: 'operator' },
      organization: { id: 1 },
      server: { version: expect.any(String) as string },
    });
    expect(me.server.faces).toContainEqual({ name: 'native', url: `${world().url}/native/v1` });
    const admin = await world().api.call<MeReply>('GET', '/v1/me');
    expect(admin.principal).toMatchObject({ number: 1, name: 'admin', role: 'admin' });
  });

  verifies(['agents.crud'], async () => {
    const { developer } = world();
    const created = await developer.request<Agent>('POST', '/v1/agents', {
      body: { name: 'A', model: 'script/echo' },
    });
    expect(created.status).toBe(201);
    const { id } = created.body;
    expect(id).toMatch(/^agent_/);
    expect(created.body).toMatchObject({ name: 'A', model: 'script/echo', version: 1 });
    const path = `/v1/agents/${id}`;
    expect(await developer.call('GET', path)).toEqual(created.body);
    const changed = await developer.call<Agent>('PATCH', path, {
      name: 'B',
      limits: { maxTurns: 2 },
      metadata: { a: 1 },
    });
    expect(changed).toMatchObject({
      id,
      name: 'B',
      model: 'script/echo',
      version: 2,
      limits: { maxTurns: 2 },
    });
    const same = await developer.call<Agent>('PATCH', path, { name: 'B' });
    expect(same.version).toBe(2);
    const merged = await developer.call<Agent>('PATCH', path, { metadata: { a: null, b: 2 } });
    expect(merged).toMatchObject({ version: 3, metadata: { b: 2 } });
    const list = await world().viewer.call<Page<Agent>>('GET', '/v1/agents?limit=100');
    expect(list.data.map((agent) => agent.id)).toContain(id);
    expect((await developer.request('DELETE', path)).status).toBe(204);
    expect((await developer.request('GET', path)).status).toBe(404);
    expect((await developer.request('POST', '/v1/runs', { body: { agent: id, input: 'x' } })).status).toBe(
      404,
    );
  });

  verifies(['error.bad-tool-schema'], async () => {
    const bad = (inputSchema: unknown): unknown => ({ type: 'client', name: 'lookup', inputSchema });
    for (const inputSchema of [
      { type: 'nonsense' },
      { properties: [] },
      { $ref: '#/nowhere' },
      { pattern: '(' },
    ]) {
      const agent = { name: 'x', tools: [{ type: 'client', name: 'fine' }, bad(inputSchema)] };
      const place = 'tools[1].inputSchema';
      expect(await world().api.refused('POST', '/v1/agents', agent)).toMatchObject({
        errors: [{ path: `body.${place}` }],
      });
      const started = await world().api.refused('POST', '/v1/runs', { agent, input: 'x' });
      expect([started.status, started.errors?.[0]?.path]).toEqual([422, `body.agent.${place}`]);
      const tools = await world().api.refused('POST', '/v1/runs', { tools: agent.tools, input: 'x' });
      expect(tools.errors?.[0]?.path).toBe(`body.${place}`);
    }
    expect((await world().api.refused('POST', '/v1/agents', { name: 'x', tools: [bad(3)] })).status).toBe(
      422,
    );
    const output = { name: 'x', output: { type: 'nothing' } };
    expect(await world().api.refused('POST', '/v1/agents', output)).toMatchObject({
      errors: [{ path: 'body.output' }],
    });
  });

  verifies(['principals.crud'], async () => {
    const { api } = world();
    const body = { type: 'service', name: 'robot', role: 'operator', email: 'robot@example.com' };
    const created = await api.request<PrincipalReply>('POST', '/v1/principals', { body });
    expect(created.status).toBe(201);
    const principal = created.body;
    expect(principal).toMatchObject({ ...body, organizationId: 1, disabledAt: null });
    const path = `/v1/principals/${principal.id}`;
    expect(await api.call('GET', path)).toEqual(principal);
    const key = await api.call<CreateKeyReply>('POST', '/v1/keys', {
      name: 'k',
      role: 'operator',
      principalId: principal.id,
    });
    expect(await statusOf(key.secret ?? '')).toBe(200);
    expect(await api.call('PATCH', path, { name: 'robot 2', role: 'viewer' })).toMatchObject({
      name: 'robot 2',
      role: 'viewer',
    });
    const pause = '/v1/runs/01890000-0000-7000-8000-000000000000/pause';
    const robot = new ApiClient(world().url, key.secret ?? '');
    expect((await robot.request('POST', pause, { body: {} })).status).toBe(403);
    const list = await api.call<Page<PrincipalReply>>('GET', '/v1/principals?limit=100');
    expect(list.data.map((one) => one.id)).toContain(principal.id);
    const disabled = await api.call<PrincipalReply>('PATCH', path, { disabled: true });
    expect(disabled.disabledAt).not.toBeNull();
    expect(await statusOf(key.secret ?? '')).toBe(401);
  });

  verifies(['keys.crud'], async () => {
    const { api, database } = world();
    const created = await api.request<CreateKeyReply>('POST', '/v1/keys', {
      body: { name: 'mine', role: 'viewer' },
    });
    expect(created.status).toBe(201);
    const { secret, ...key } = created.body;
    expect(key.id).toMatch(/^key_/);
    expect(secret?.startsWith(key.prefix)).toBe(true);
    expect(await statusOf(secret ?? '')).toBe(200);
    const path = `/v1/keys/${key.id}`;
    const shown = await api.call<KeyReply>('GET', path);
    expect(shown).toMatchObject({ id: key.id, revokedAt: null });
    expect(JSON.stringify([shown, await api.call('GET', '/v1/keys')])).not.toContain(secret);
    const kept = await database.sql`select 1 from keys where keys::text like ${`%${secret ?? ''}%`}`;
    expect(kept).toHaveLength(0);
    const revoked = await api.request<KeyReply>('DELETE', path);
    expect(revoked.status).toBeLessThan(300);
    expect(await statusOf(secret ?? '')).toBe(401);
    expect((await api.call<KeyReply>('GET', path)).revokedAt).not.toBeNull();

    const expired = { name: 'old', role: 'viewer', expiresAt: new Date(Date.now() - 1_000).toISOString() };
    const old = await api.request<CreateKeyReply>('POST', '/v1/keys', { body: expired });
    if (old.status === 201) expect(await statusOf(old.body.secret ?? '')).toBe(401);
    else expect(old.status).toBe(422);
    const more = { name: 'more', role: 'superuser' };
    expect((await api.refused('POST', '/v1/keys', more)).status).toBe(422);
  });

  verifies(['keys.last-admin'], async () => {
    const { api } = world();
    const me = await api.call<MeReply>('GET', '/v1/me');
    for (const patch of [{ role: 'viewer' }, { disabled: true }]) {
      const reply = await api.request('PATCH', `/v1/principals/${me.principal.id}`, { body: patch });
      expect([reply.status, reply.body]).toMatchObject([403, { code: 'forbidden' }]);
    }
    expect((await api.request('DELETE', `/v1/keys/${me.key.id}`)).status).toBe(403);
    expect(await statusOf(api.key)).toBe(200);
  });
});
