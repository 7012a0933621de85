import { createHash } from 'node:crypto';
import type { ClientToken, CreateClientTokenReply } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const PAGE = { name: 'shop', origins: ['https://shop.example.org', 'http://localhost:3000'] };

async function create(body: Record<string, unknown> = {}): Promise<CreateClientTokenReply> {
  return world().api.call('POST', '/v1/client-tokens', { ...PAGE, ...body });
}

describe('client tokens', () => {
  verifies(['client-tokens.crud'], async () => {
    const { api, developer, stranger } = world();
    const { id: agentId } = await api.call<{ id: string }>('POST', '/v1/agents', {
      name: 'Shop',
      model: 'script/echo',
    });
    const config = { welcomeMessage: 'Hi', placeholder: 'Ask', theme: { accent: '#f00' } };
    const created = await api.request<CreateClientTokenReply>('POST', '/v1/client-tokens', {
      body: { ...PAGE, target: agentId, config, dailyMessageLimit: 5 },
    });
    expect([created.status, created.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const { token: _token, ...kept } = created.body;
    expect(created.headers.get('location')).toBe(`/v1/client-tokens/${kept.id}`);
    expect(kept).toMatchObject({
      ...PAGE,
      target: agentId,
      config,
      dailyMessageLimit: 5,
      active: true,
      createdBy: { name: 'admin' },
      lastUsedAt: null,
      revokedAt: null,
    });
    const path = `/v1/client-tokens/${kept.id}`;
    expect(await api.call('GET', path)).toEqual(kept);
    const second = await create();
    expect(second).toMatchObject({ target: null, config: {}, dailyMessageLimit: null });
    const first = await api.call<{ data: ClientToken[]; nextCursor: string }>(
      'GET',
      '/v1/client-tokens?limit=1',
    );
    const rest = await api.call<{ data: ClientToken[] }>(
      'GET',
      `/v1/client-tokens?limit=100&cursor=${first.nextCursor}`,
    );
    const ids = [...first.data, ...rest.data].map((token) => token.id);
    expect(ids.indexOf(kept.id)).toBeLessThan(ids.indexOf(second.id));

    const off = await api.call<ClientToken>('PATCH', path, { active: false, target: null, origins: ['*'] });
    expect(off).toMatchObject({ active: false, target: null, origins: ['*'], config, dailyMessageLimit: 5 });
    const revoked = await api.call<ClientToken>('DELETE', path);
    expect(revoked).toMatchObject({ active: false, revokedAt: expect.any(String) as string });
    expect(await api.call('DELETE', path)).toEqual(revoked);
    expect(await api.refused('PATCH', path, { active: true })).toMatchObject({ code: 'invalid_transition' });
    expect((await developer.refused('GET', '/v1/client-tokens')).status).toBe(403);
    for (const [method, body] of [['GET'], ['PATCH', { name: 'x' }], ['DELETE']] as const) {
      expect((await stranger.refused(method, `/v1/client-tokens/${second.id}`, body)).status).toBe(404);
    }
  });

  verifies(['client-tokens.secret'], async () => {
    const { api, database } = world();
    const headers = { 'idempotency-key': 'one-token' };
    const { id, token, prefix } = await api.call<CreateClientTokenReply>(
      'POST',
      '/v1/client-tokens',
      PAGE,
      headers,
    );
    expect(token).toMatch(/^ct_[\w-]{43}$/);
    expect(token?.startsWith(prefix)).toBe(true);
    expect(prefix.length).toBeLessThan(20);
    const again = await api.call<CreateClientTokenReply>('POST', '/v1/client-tokens', PAGE, headers);
    expect(again).toMatchObject({ id, token: null });
    const hash = createHash('sha256')
      .update(token ?? '')
      .digest('hex');
    const rows = await database.sql<{ hash: string }[]>`
      select encode(hash, 'hex') as hash from client_tokens where id = ${id}`;
    expect(rows).toEqual([{ hash }]);
    const kept = await database.sql`
      select 1 from client_tokens t where t::text like ${`%${token ?? ''}%`}
      union all select 1 from replies r where r.body like ${`%${token ?? ''}%`}`;
    expect(kept).toHaveLength(0);
    expect(JSON.stringify([await api.call('GET', '/v1/client-tokens?limit=100')])).not.toContain(token);
  });

  verifies(['client-tokens.refusals'], async () => {
    const { api, stranger } = world();
    const { id: theirs } = await stranger.call<{ id: string }>('POST', '/v1/agents', { name: 'Theirs' });
    const wrong: [Record<string, unknown>, string][] = [
      [{ origins: [] }, 'body.origins'],
      [{ origins: ['shop.example.org'] }, 'body.origins[0]'],
      [{ origins: ['*', 'https://shop.example.org/'] }, 'body.origins[1]'],
      [{ origins: ['https://shop.example.org/page'] }, 'body.origins[0]'],
      [{ origins: ['https://*.example.org'] }, 'body.origins[0]'],
      [{ origins: ['file:///etc'] }, 'body.origins[0]'],
      [{ target: 'agent_unknown' }, 'body.target'],
      [{ target: theirs }, 'body.target'],
      [{ target: 'flow_\u0000' }, 'body.target'],
      [{ dailyMessageLimit: 0 }, 'body.dailyMessageLimit'],
      [{ config: { colour: 'red' } }, 'body.config.colour'],
      [{ name: '' }, 'body.name'],
    ];
    for (const [over, path] of wrong) {
      const problem = await api.refused('POST', '/v1/client-tokens', { ...PAGE, ...over });
      expect([over, problem.status, problem.errors?.[0]?.path]).toEqual([over, 422, path]);
    }
  });
});
