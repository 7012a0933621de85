import { AgentWidgetClient } from '@runtypelabs/persona';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { newClientToken, SHOP } from './client-page.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

interface Seen {
  path: string;
  status: number;
  body: Record<string, unknown>;
}

/** Requests of the widget, in their order. */
let seen: Seen[] = [];

// The widget asks as a browser's page does, which adds its origin; all else is the widget's own.
beforeAll(() => {
  const { fetch } = globalThis;
  vi.stubGlobal('fetch', async (input: string, init: RequestInit = {}) => {
    const headers = { ...(init.headers as Record<string, string>), origin: SHOP };
    const response = await fetch(input, { ...init, headers });
    if (input.includes('/runtype/')) {
      const body = typeof init.body === 'string' ? (JSON.parse(init.body) as Record<string, unknown>) : {};
      seen.push({ path: new URL(input).pathname, status: response.status, body });
    }
    return response;
  });
});
afterAll(() => vi.unstubAllGlobals());

interface Frame {
  type: string;
  payload: Record<string, unknown>;
}

interface Widget {
  client: AgentWidgetClient;
  frames: Frame[];
  say(content: string): Promise<void>;
}

/** The widget's own client in client-token mode, of a new token for an agent. */
async function openWidget(agent: Record<string, unknown>, hasTools: boolean): Promise<Widget> {
  const { id } = await world().api.call<{ id: string }>('POST', '/v1/agents', { name: 'Shop', ...agent });
  const client = new AgentWidgetClient({
    apiUrl: `${world().url}/runtype/v1/dispatch`,
    clientToken: await newClientToken(world(), { target: id }),
    features: { askUserQuestion: { expose: hasTools } },
  });
  const frames: Frame[] = [];
  client.setSSEEventCallback(
    (type, payload) => void frames.push({ type, payload: payload as Frame['payload'] }),
  );
  const messages: { id: string; role: 'user'; content: string; createdAt: string }[] = [];
  return {
    client,
    frames,
    async say(content) {
      messages.push({
        id: `m${messages.length}`,
        role: 'user',
        content,
        createdAt: new Date().toISOString(),
      });
      await client.dispatch({ messages }, () => undefined);
    },
  };
}

function payloadOf(frames: readonly Frame[], type: string): Record<string, unknown> {
  const frame = frames.findLast((one) => one.type === type);
  if (frame === undefined) throw new Error(`no ${type} among ${frames.map((one) => one.type).join(' ')}`);
  return frame.payload;
}

const paths = (): string[] => seen.map(({ path, status }) => `${path.replace('/runtype/v1/', '')} ${status}`);

describe('the widget’s own client with a client token', () => {
  verifies(['widget.tools'], async () => {
    seen = [];
    const { client, frames, say } = await openWidget({ model: 'script/client-tool' }, true);
    await say('ask me');
    const { executionId, toolName } = payloadOf(frames, 'await');
    expect(toolName).toBe('ask_user_question');
    const resumed = await client.resumeFlow(String(executionId), { ask_user_question: 'blue' });
    expect(await resumed.text()).toContain('blue');
    await say('again');
    // The server has forgotten the tools: the widget sends them once more.
    await world().database.sql`update client_sessions set tools = null, tools_fingerprint = null`;
    await say('and again');
    expect(paths()).toEqual([
      'client/init 200',
      'client/chat 200',
      'client/resume 200',
      'client/chat 200',
      'client/chat 409',
      'client/chat 200',
    ]);
    expect(seen.map(({ body }) => 'clientTools' in body)).toEqual([false, true, false, false, false, true]);
    expect(payloadOf(frames, 'await')['toolName']).toBe('ask_user_question');
  });

  verifies(['widget.approval'], async () => {
    seen = [];
    const { client, frames, say } = await openWidget({ model: 'script/approval' }, false);
    await say('do it');
    const { executionId, approvalId } = payloadOf(frames, 'approval_start');
    const { agentId } = payloadOf(frames, 'execution_start');
    const approval = {
      executionId: String(executionId),
      approvalId: String(approvalId),
      agentId: String(agentId),
    };
    const approved = await client.resolveApproval(approval, 'approved');
    expect([approved.status, await approved.text()]).toEqual([
      200,
      expect.stringContaining('execution_complete'),
    ]);
    await client.submitMessageFeedback('m0', 'upvote');
    await client.submitNPSFeedback(9);
    expect(paths()).toEqual([
      'client/init 200',
      'client/chat 200',
      `agents/${approval.agentId}/approve 200`,
      'client/feedback 201',
      'client/feedback 201',
    ]);
  });
});
