import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, textIn } from './runtype-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const developer = (): RuntypeClient => RuntypeClient.of(world(), world().developer.key);

type Agent = Record<string, unknown> & { id: string; config: Record<string, unknown> };

async function save(body: Record<string, unknown>): Promise<Agent> {
  const reply = await developer().request<Agent>('POST', '/v1/agents', { body });
  expect([reply.status, reply.status === 201 ? '' : reply.text]).toEqual([201, '']);
  return reply.body;
}

const FULL = {
  name: 'Support',
  description: 'Helps',
  icon: 'star',
  agentType: 'runtype',
  primaryFlowId: 'flow_x',
  somethingNew: { a: [1, 2] },
  config: {
    model: 'script/echo',
    systemPrompt: 'You help {{customer.name}}.',
    temperature: 0.4,
    topP: 0.9,
    reasoning: { enabled: true, reasoningEffort: 'low' },
    loopConfig: { maxTurns: 6, maxCost: 0, enableReflection: false },
    voice: { enabled: false },
    tools: {
      runtimeTools: [
        {
          name: 'look',
          description: 'Looks',
          toolType: 'local',
          parametersSchema: { type: 'object' },
          config: {},
        },
      ],
      mcpServers: [
        { id: 'm', url: 'https://mcp.example', auth: { type: 'bearer', token: '{{secrets.mcp}}' } },
      ],
      approval: { require: ['look'], timeout: 60_000 },
      perToolLimits: { look: { maxCalls: 2 } },
    },
  },
};

describe('saved agents', () => {
  verifies(['agents.crud'], async () => {
    const created = await save(FULL);
    expect(created).toMatchObject(FULL);
    expect(created.config).toEqual(FULL.config);
    expect(created).toMatchObject({
      id: expect.stringMatching(/^agent_/) as string,
      userId: expect.any(String) as string,
      organizationId: '1',
      status: 'active',
      externalConfig: null,
      capabilities: [],
    });
    const path = `/v1/agents/${created.id}`;
    const shown = await developer().request<Agent>('GET', path);
    expect(shown.body).toEqual({ ...created, userId: expect.any(String) as string });

    const changed = await developer().request<Agent>('PUT', path, {
      body: {
        description: null,
        config: { temperature: 0.7, topP: null, loopConfig: { maxTurns: 3 }, tools: { perToolLimits: null } },
      },
    });
    const { topP: _topP, ...config } = FULL.config;
    const { perToolLimits: _limits, ...tools } = FULL.config.tools;
    expect(changed.body.config).toEqual({
      ...config,
      temperature: 0.7,
      loopConfig: { ...FULL.config.loopConfig, maxTurns: 3 },
      tools,
    });
    expect(changed.body).toMatchObject({ name: 'Support', description: null, somethingNew: { a: [1, 2] } });
    expect((await developer().request<Agent>('GET', path)).body.config).toEqual(changed.body.config);
    const native = await world().api.call<Record<string, unknown>>('GET', path);
    expect(native).toMatchObject({
      settings: { temperature: 0.7 },
      limits: { maxTurns: 3 },
      tools: [{ type: 'client', name: 'look' }],
      toolRules: { look: { approval: 'always', approvalDeadline: [{ after: 60, expire: true }] } },
    });
    expect(native['settings']).not.toHaveProperty('topP');

    const second = await save({ name: 'Supporting act' });
    const page = await developer().request<{ data: Agent[]; pagination: Record<string, unknown> }>(
      'GET',
      '/v1/agents?search=upport&limit=1&includeCount=true',
    );
    expect(page.body.data.map(({ id }) => id)).toEqual([second.id]);
    expect(page.body.pagination).toMatchObject({ hasMore: true, totalCount: 2, limit: 1 });
    const viewer = RuntypeClient.of(world(), world().viewer.key);
    expect((await viewer.request('GET', path)).status).toBe(200);
    for (const [method, at] of [
      ['POST', '/v1/agents'],
      ['PUT', path],
      ['DELETE', path],
    ] as const) {
      expect(
        (await viewer.request(method, at, method === 'DELETE' ? {} : { body: { name: 'x' } })).status,
      ).toBe(403);
    }
    const stranger = RuntypeClient.of(world(), world().stranger.key);
    expect((await stranger.request('GET', path)).status).toBe(404);
    expect((await stranger.request('PUT', path, { body: { name: 'x' } })).status).toBe(404);
    const gone = await developer().request('DELETE', path);
    expect([gone.status, gone.body]).toEqual([200, { success: true }]);
    expect((await developer().request('GET', path)).status).toBe(404);
    expect((await developer().request('DELETE', path)).status).toBe(404);
  });

  verifies(['agents.dispatch'], async () => {
    const agent = await save({
      name: 'Greeter',
      config: { model: 'script/echo', systemPrompt: 'You help {{customer}}.', maxTurns: 4 },
    });
    const frames = await developer().dispatch({
      agent: { agentId: agent.id },
      messages: [{ role: 'user', content: 'hello' }],
      inputs: { customer: 'Ada' },
    });
    expect(frameOf(frames, 'execution_start')).toMatchObject({
      agentId: agent.id,
      agentName: 'Greeter',
      maxTurns: 4,
    });
    expect(textIn(frames)).toBe('hello');
    const runId = String(frameOf(frames, 'execution_start')['executionId']).slice('exec_'.length);
    const [created] = await world().api.events(runId);
    expect(created).toMatchObject({ data: { agent: { id: agent.id, instructions: 'You help Ada.' } } });
    const rows = await developer().request<{ data: Record<string, unknown>[] }>(
      'GET',
      `/v1/agents/${agent.id}/executions`,
    );
    expect(rows.body.data).toMatchObject([{ executionId: `exec_${runId}`, surfaceType: 'runtype' }]);
  });

  verifies(['agents.refusals'], async () => {
    const tool = (over: Record<string, unknown>): Record<string, unknown> => ({
      config: { tools: { runtimeTools: [{ name: 't', description: 'x', toolType: 'local', ...over }] } },
    });
    const server = { id: 'm', url: 'https://mcp.example', auth: { type: 'bearer', token: 'a-token' } };
    const bad: [Record<string, unknown>, number, string][] = [
      [{ name: '' }, 400, 'name'],
      [{ config: { temperature: 9 } }, 400, 'config.temperature'],
      [
        tool({ parametersSchema: { type: 'nonsense' } }),
        400,
        'config.tools.runtimeTools[0].parametersSchema',
      ],
      [tool({ toolType: 'custom' }), 422, 'config.tools.runtimeTools[0].toolType'],
      [{ agentType: 'external' }, 422, 'agentType'],
      [{ config: { tools: { mcpServers: [server] } } }, 422, 'config.tools.mcpServers'],
      [{ capabilities: [{ toolName: 't' }] }, 400, 'capabilities[0].flowId'],
      [{ capabilities: [{ toolName: 't', toolId: 'tool_1' }] }, 422, 'capabilities[0].toolId'],
    ];
    for (const [over, status, path] of bad) {
      const reply = await developer().request<{ details?: { path: string }[] }>('POST', '/v1/agents', {
        body: { name: 'Bad', ...over },
      });
      expect([over, reply.status, reply.body.details?.[0]?.path]).toEqual([over, status, path]);
    }
    const large = { name: 'Large', config: { model: 'script/echo', voice: { x: 'x'.repeat(70_000) } } };
    expect((await developer().request('POST', '/v1/agents', { body: large })).status).toBe(413);
    const listed = await world().api.call<{ data: { name: string }[] }>('GET', '/v1/agents?limit=100');
    expect(listed.data.filter(({ name }) => /Bad|Large/.test(name))).toEqual([]);
  });

  verifies(['agents.native'], async () => {
    const { api } = world();
    const native = await api.call<{ id: string }>('POST', '/v1/agents', {
      name: 'Native',
      model: 'script/echo',
      instructions: 'Be brief.',
      limits: { maxTurns: 5, maxTokens: 9000 },
      tools: [
        { type: 'builtin', name: 'ask_user' },
        { type: 'client', name: 'look', description: 'Looks' },
      ],
    });
    const path = `/v1/agents/${native.id}`;
    const shown = await developer().request<Agent>('GET', path);
    expect(shown.body).toMatchObject({
      name: 'Native',
      config: {
        model: 'script/echo',
        systemPrompt: 'Be brief.',
        loopConfig: { maxTurns: 5 },
        tools: { runtimeTools: [{ name: 'look', toolType: 'local' }] },
      },
    });
    await developer().request('PUT', path, { body: { config: { systemPrompt: 'Be long.' } } });
    // Tools for which this wire has no words stay.
    expect(await api.call('GET', path)).toMatchObject({
      instructions: 'Be long.',
      limits: { maxTurns: 5, maxTokens: 9000 },
      tools: [{ name: 'ask_user' }, { name: 'look' }],
    });
    await api.call('PATCH', path, { model: 'script/slow', name: 'Slow' });
    const after = await developer().request<Agent>('GET', path);
    expect(after.body).toMatchObject({
      name: 'Slow',
      config: { model: 'script/slow', systemPrompt: 'Be long.' },
    });
  });
});
