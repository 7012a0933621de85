import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { newClientToken, Page } from './client-page.ts';
import { frameOf } from './runtype-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

const says = (content: string): { messages: unknown[] } => ({ messages: [{ role: 'user', content }] });
const CART = { name: 'add_to_cart', description: 'Adds to the cart', parametersSchema: { type: 'object' } };
const HUGE = { ...CART, description: 'x'.repeat(128 * 1024) };
const BROKEN = { ...CART, parametersSchema: { type: 'no such type' } };

describe('what a page brings along', () => {
  verifies(['client.tools-limit'], async () => {
    const { id: target } = await world().api.call<{ id: string }>('POST', '/v1/agents', {
      name: 'Shop',
      model: 'script/client-tool',
    });
    const page = new Page(world(), await newClientToken(world(), { target, dailyMessageLimit: 1 }));
    const { sessionId } = await page.begin();
    const chat = { sessionId, ...says('hi'), clientToolsFingerprint: '1:a.b' };
    const refused = await page.post('chat', { ...chat, clientTools: [HUGE] });
    expect([refused.status, refused.body]).toEqual([
      413,
      expect.objectContaining({ error: expect.stringContaining('clientTools') as string }),
    ]);
    expect((await page.post('chat', chat)).status).toBe(409);
    const frames = await page.frames('chat', { ...chat, clientTools: [CART] });
    const { executionId } = frameOf(frames, 'execution_start');
    const resume = { sessionId, executionId, toolOutputs: { add_to_cart: 1 } };
    expect((await page.post('resume', { ...resume, clientTools: [HUGE] })).status).toBe(413);
    expect((await page.post('resume', { ...resume, clientTools: [CART] })).status).toBe(200);
  });

  verifies(['client.limit-first'], async () => {
    const page = new Page(world(), await newClientToken(world(), { dailyMessageLimit: 1 }));
    const { sessionId } = await page.begin();
    expect((await page.post('chat', { sessionId, ...says('hi') })).status).toBe(200);
    const chat = { sessionId, ...says('hi'), clientToolsFingerprint: '1:a.b' };
    expect((await page.post('chat', { ...chat, clientTools: [BROKEN] })).status).toBe(429);
    expect((await page.post('chat', { ...chat, clientTools: [CART] })).status).toBe(429);
    expect((await page.post('chat', chat)).status).toBe(409);
  });
});
