import type { ClientFeedback, ClientToken, CreateClientTokenReply } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { newClientToken, Page, SHOP } from './client-page.ts';
import { RuntypeClient } from './runtype-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_CORS_ORIGINS: 'https://console.example' } });

describe('client sessions', () => {
  verifies(['client.init'], async () => {
    const { api } = world();
    const agent = await api.call<{ id: string }>('POST', '/v1/agents', {
      name: 'Shop',
      model: 'script/echo',
    });
    const config = { welcomeMessage: 'Hi', placeholder: 'Ask', theme: { accent: '#f00' } };
    const token = await newClientToken(world(), { target: agent.id, config });
    const page = new Page(world(), token);
    const reply = await page.post('init', {
      token,
      flowId: agent.id,
      identityProof: 'x',
      visitorToken: null,
    });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('cache-control')).toBe('no-store');
    expect(reply.body).toEqual({
      sessionId: expect.stringMatching(/^clsess_/) as string,
      expiresAt: expect.any(String) as string,
      conversationId: expect.any(String) as string,
      conversationRevision: '1',
      targetId: agent.id,
      flow: { id: agent.id, name: 'Shop' },
      config,
      durableRecovery: { enabled: true },
    });
    const first = await page.begin();
    const again = await page.post<Record<string, string>>('init', { token, sessionId: first.sessionId });
    expect(again.body['conversationId']).toBe(first.conversationId);
    expect(again.body['sessionId']).not.toBe(first.sessionId);
    const fresh = await page.post<Record<string, string>>('init', { token, sessionId: 'clsess_unknown' });
    expect(fresh.status).toBe(200);
    expect(fresh.body['conversationId']).not.toBe(first.conversationId);

    const plain = await newClientToken(world());
    const { body } = await new Page(world(), plain).post('init', { token: plain });
    expect(body).toMatchObject({ flow: { id: 'default' }, config: { welcomeMessage: null } });
    expect(body).not.toHaveProperty('targetId');
  });

  verifies(['client.init-refusals'], async () => {
    const { api } = world();
    const created = await api.call<CreateClientTokenReply>('POST', '/v1/client-tokens', {
      name: 'shop',
      origins: [SHOP],
    });
    const token = created.token ?? '';
    const init = async (
      body: Record<string, unknown>,
      origin: string | null = SHOP,
    ): Promise<[number, string]> => {
      const reply = await new Page(world(), token, origin).post<{ error: string; hint?: string }>(
        'init',
        body,
      );
      return [reply.status, reply.body.hint ?? reply.body.error];
    };
    expect((await init({ token }))[0]).toBe(200);
    for (const origin of ['https://evil.example', 'http://shop.example', `${SHOP}:8443`, 'null', null]) {
      expect([origin, ...(await init({ token }, origin))]).toEqual([
        origin,
        403,
        expect.stringContaining('origin'),
      ]);
    }
    expect((await init({ token: `${token}x` }))[0]).toBe(401);
    expect((await init({ token: 'ct_\u0000' }))[0]).toBe(401);
    expect((await init({ token: world().api.key }))[0]).toBe(401);
    for (const body of [{}, { token: '' }, { token: 7 }, { token: null }]) {
      expect([body, (await init(body))[0]]).toEqual([body, 400]);
    }
    expect((await init({ token, flowId: 'agent_other' }))[0]).toBe(403);
    await api.call('PATCH', `/v1/client-tokens/${created.id}`, { active: false });
    expect(await init({ token })).toEqual([403, expect.stringContaining('switched off')]);
    await api.call('DELETE', `/v1/client-tokens/${created.id}`);
    expect((await init({ token }))[0]).toBe(401);

    const gone = await api.call<{ id: string }>('POST', '/v1/agents', { name: 'Gone' });
    const orphan = await newClientToken(world(), { target: gone.id });
    await api.call('DELETE', `/v1/agents/${gone.id}`);
    expect((await init({ token: orphan }))[0]).toBe(404);
  });

  verifies(['client.cors'], async () => {
    const token = await newClientToken(world());
    const preflight = async (path: string, origin: string): Promise<[number, string | null]> => {
      const headers = { origin, 'access-control-request-method': 'POST' };
      const reply = await RuntypeClient.of(world()).request('OPTIONS', path, { headers, key: null });
      return [reply.status, reply.headers.get('access-control-allow-origin')];
    };
    expect(await preflight('/v1/client/chat', SHOP)).toEqual([204, SHOP]);
    expect(await preflight('/v1/agents/virtual/approve', SHOP)).toEqual([204, SHOP]);
    expect(await preflight('/v1/dispatch', SHOP)).toEqual([204, null]);
    expect(await preflight('/v1/dispatch', 'https://console.example')).toEqual([
      204,
      'https://console.example',
    ]);
    const allowed = await new Page(world(), token).post('init', { token });
    expect([allowed.headers.get('access-control-allow-origin'), allowed.headers.get('vary')]).toEqual([
      SHOP,
      'Origin',
    ]);
    // A widget tells the page's author why it was turned away.
    const refused = await new Page(world(), token, 'https://evil.example').post('init', { token });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([
      403,
      'https://evil.example',
    ]);
  });

  verifies(['client.feedback'], async () => {
    const token = await newClientToken(world());
    const page = new Page(world(), token);
    const { sessionId } = await page.begin();
    const give = (body: Record<string, unknown>): ReturnType<typeof page.post<{ feedbackId: string }>> =>
      page.post('feedback', { sessionId, token, ...body });
    const first = await give({ type: 'upvote', messageId: 'm1' });
    expect([first.status, first.body]).toEqual([
      201,
      {
        success: true,
        feedbackId: expect.stringMatching(/^feedback_/) as string,
        message: expect.any(String) as string,
      },
    ]);
    const again = await give({ type: 'upvote', messageId: 'm1', comment: 'twice' });
    expect([again.status, again.body.feedbackId]).toEqual([200, first.body.feedbackId]);
    expect((await give({ type: 'copy', messageId: 'm1' })).status).toBe(201);
    expect((await give({ type: 'csat', rating: 5, metadata: { a: 1 } })).status).toBe(201);
    expect((await give({ type: 'nps', rating: 0 })).status).toBe(201);
    const other = await page.begin();
    expect((await give({ type: 'upvote', messageId: 'm1', sessionId: other.sessionId })).status).toBe(201);
    const { api, viewer, stranger } = world();
    const { data: tokens } = await api.call<{ data: ClientToken[] }>('GET', '/v1/client-tokens?limit=100');
    const id = tokens.find(({ prefix }) => token.startsWith(prefix))?.id ?? '';
    const path = `/v1/client-tokens/${id}/feedback`;
    const listed = await viewer.call<{ data: ClientFeedback[]; nextCursor: string }>(
      'GET',
      `${path}?limit=2`,
    );
    expect(listed.data.map(({ type }) => type)).toEqual(['upvote', 'nps']);
    const rest = await viewer.call<{ data: ClientFeedback[] }>('GET', `${path}?cursor=${listed.nextCursor}`);
    expect(rest.data).toMatchObject([
      { type: 'csat', rating: 5, messageId: null, metadata: { a: 1 } },
      { type: 'copy', messageId: 'm1' },
      { id: first.body.feedbackId, comment: 'twice', clientTokenId: id },
    ]);
    expect((await stranger.refused('GET', path)).status).toBe(404);
  });

  verifies(['client.feedback-refusals'], async () => {
    const token = await newClientToken(world());
    const page = new Page(world(), token);
    const { sessionId } = await page.begin();
    const bad = [
      { type: 'upvote' },
      { type: 'csat' },
      { type: 'csat', rating: 6 },
      { type: 'nps', rating: -1 },
      { type: 'nps', rating: 2.5 },
      { type: 'shrug', messageId: 'm1' },
      { messageId: 'm1' },
    ];
    for (const body of bad) {
      const reply = await page.post('feedback', { sessionId, token, ...body });
      expect([body, reply.status]).toEqual([body, 400]);
      expect(reply.body).toHaveProperty('details');
    }
    const vote = { type: 'upvote', messageId: 'm1' };
    expect((await page.post('feedback', { token, ...vote, sessionId: 'clsess_unknown' })).status).toBe(404);
    const other = await newClientToken(world());
    expect((await page.post('feedback', { sessionId, token: other, ...vote })).status).toBe(403);
    const elsewhere = new Page(world(), token, 'https://evil.example');
    expect((await elsewhere.post('feedback', { sessionId, token, ...vote })).status).toBe(403);
    await world().database.sql`update client_sessions set expires_at = now()`;
    expect((await page.post('feedback', { sessionId, token, ...vote })).status).toBe(404);
  });
});
