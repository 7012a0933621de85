import type { Tool } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { newClientToken, Page } from './client-page.ts';
import { frameOf, type RuntypeFrame } from './runtype-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

const says = (content: string): { messages: unknown[] } => ({ messages: [{ role: 'user', content }] });
const CART = { name: 'add_to_cart', description: 'Adds to the cart', parametersSchema: { type: 'object' } };
const HUGE = { ...CART, description: 'x'.repeat(128 * 1024) };
const BROKEN = { ...CART, parametersSchema: { type: 'no such type' } };

const runIdOf = (frames: RuntypeFrame[]): string =>
  String(frameOf(frames, 'execution_start')['executionId']).slice('exec_'.length);

interface Created {
  agent: { tools?: Tool[] } | null;
  flow?: { steps: { agent?: { tools?: Tool[] } }[] } | null;
}

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

  verifies(['client.own-tools'], async () => {
    const { api } = world();
    const own = [{ type: 'builtin', name: 'ask_user', description: 'Asks the visitor' }];
    const agent = { name: 'Shop', model: 'script/inline', script: [{ text: 'ok' }], tools: own };
    const { id: agentId } = await api.call<{ id: string }>('POST', '/v1/agents', agent);
    const { id: flowId } = await api.call<{ id: string }>('POST', '/v1/flows', {
      name: 'Shop',
      steps: [{ id: 'talk', name: 'Talk', type: 'agent', agent: agentId }],
    });
    const clientTools = [{ ...CART, name: 'Ask User' }, CART];
    const names = [
      ['builtin', 'ask_user'],
      ['client', 'add_to_cart'],
    ];
    for (const target of [agentId, flowId]) {
      const page = new Page(world(), await newClientToken(world(), { target }));
      const { sessionId } = await page.begin();
      const frames = await page.frames('chat', { sessionId, ...says('hi'), clientTools });
      const runId = runIdOf(frames);
      const created = (await api.events(runId)).find(({ type }) => type === 'run.created');
      const { agent: ofRun, flow } = created?.data as Created;
      const tools = (ofRun ?? flow?.steps[0]?.agent)?.tools;
      expect([target, tools?.map(({ type, name }) => [type, name])]).toEqual([target, names]);
    }
  });

  verifies(['client.flow-loop'], async () => {
    const { api } = world();
    const toolCalls = [{ tool: 'again', args: {} }];
    const agent = { name: 'Shop', model: 'script/inline', script: [{ toolCalls }, { text: 'done' }] };
    const { id: agentId } = await api.call<{ id: string }>('POST', '/v1/agents', agent);
    const { id: target } = await api.call<{ id: string }>('POST', '/v1/flows', {
      name: 'Shop',
      steps: [{ id: 'talk', name: 'Talk', type: 'agent', agent: agentId }],
    });
    const again = {
      type: 'run',
      name: 'again',
      description: 'Again',
      inputSchema: { type: 'object' },
      run: { flow: target },
    };
    await api.call('PATCH', `/v1/agents/${agentId}`, { tools: [again] });
    const page = new Page(world(), await newClientToken(world(), { target }));
    const { sessionId } = await page.begin();
    const frames = await page.frames('chat', { sessionId, ...says('hi') });
    expect(frameOf(frames, 'execution_complete')).toMatchObject({ success: true });
    const events = await api.events(runIdOf(frames));
    expect(JSON.stringify(events)).toContain('cannot call itself');
    expect(events.filter(({ type }) => type.startsWith('child.'))).toEqual([]);
  });

  verifies(['client.inputs'], async () => {
    const agent = {
      name: 'Shop',
      model: 'script/echo',
      instructions: '{{shoe}} {{record}} {{_record}} {{_x}}',
    };
    const { id: target } = await world().api.call<{ id: string }>('POST', '/v1/agents', agent);
    const page = new Page(world(), await newClientToken(world(), { target }));
    const { sessionId } = await page.begin();
    const inputs = { shoe: 'boot', record: 'forged', _record: 'forged', _x: 'forged' };
    const frames = await page.frames('chat', { sessionId, ...says('hi'), inputs });
    const events = JSON.stringify(await world().api.events(runIdOf(frames)));
    expect(events).toContain('boot');
    expect(events).not.toContain('forged');
  });

  verifies(['client.feedback-limits'], async () => {
    const { sql } = world().database;
    const page = new Page(world(), await newClientToken(world()));
    const { sessionId } = await page.begin();
    const give = async (messageId: string, more: Record<string, unknown> = {}): Promise<number> =>
      (await page.post('feedback', { sessionId, type: 'upvote', messageId, ...more })).status;
    expect(await give('m1', { metadata: { note: 'x'.repeat(4096) } })).toBe(400);
    expect(await give('m1', { metadata: { note: 'x'.repeat(4000) } })).toBe(201);
    expect(await give('m1', { comment: 'x'.repeat(10_001) })).toBe(400);
    expect(await give('m1', { other: 'x'.repeat(32 * 1024) })).toBe(413);
    await sql`insert into client_feedback (id, organization_id, token_id, session_id, conversation_id, type, message_id)
      select id || n, organization_id, token_id, session_id, conversation_id, type, 'n' || n
      from client_feedback, generate_series(1, 198) n where session_id in (
        select id from client_sessions where token_id = client_feedback.token_id)`;
    const both = await Promise.all([give('m2'), give('m3')]);
    expect(both.sort()).toEqual([201, 429]);
    expect(await give('m1')).toBe(200);
  });
});
