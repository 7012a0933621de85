import type { Run, RunEvent } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, textIn, types } from './runtype-client.ts';
import { conversation, pageTool, scripted } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());
const USER = { role: 'user', content: 'hello', createdAt: '2026-01-01T00:00:00Z' };

const dispatch = (body: unknown) => runtype().request('POST', '/v1/dispatch', { body });
const agentOf = (agent: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  dispatch({ agent: { model: 'script/echo', ...agent }, messages: [USER], ...more });

async function runOf(
  executionId: unknown,
): Promise<{ run: Run; created: Extract<RunEvent, { type: 'run.created' }>['data'] }> {
  const runId = String(executionId).replace('exec_', '');
  const [run, events] = await Promise.all([
    world().api.run(runId),
    world().api.call<{ data: Extract<RunEvent, { type: 'run.created' }>[] }>(
      'GET',
      `/v1/runs/${runId}/events?types=run.created`,
    ),
  ]);
  const created = events.data[0]?.data;
  if (created === undefined) throw new Error('no run.created');
  return { run, created };
}

/** The run of a dispatch that is answered in JSON. */
async function started(body: Record<string, unknown>): ReturnType<typeof runOf> {
  const reply = await dispatch({ ...body, options: { streamResponse: false } });
  expect(reply.status, reply.text).toBe(200);
  return runOf(reply.body['executionId']);
}

describe('a dispatch', () => {
  verifies(['dispatch.default'], async () => {
    const frames = await runtype().dispatch({ messages: [USER], unheard: 'of' });
    expect(textIn(frames)).toBe('hello');
    expect(frameOf(frames, 'execution_start')).toMatchObject({ kind: 'agent', agentId: 'virtual' });
  });

  verifies(['dispatch.messages'], async () => {
    const png = `data:image/png;base64,${Buffer.from('png').toString('base64')}`;
    const { created } = await started({
      agent: { model: 'script/echo' },
      messages: [
        { role: 'assistant', content: 'Welcome' },
        { role: 'user', content: '' },
        {
          role: 'assistant',
          content: [{ type: 'reasoning', text: 'hm' }],
          toolCalls: [{ toolName: 'x', args: { a: 1 } }],
        },
        { role: 'tool', toolResults: [{ toolName: 'x', result: 'y' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image', image: png },
            {
              type: 'file',
              data: Buffer.from('pdf').toString('base64'),
              mimeType: 'application/pdf',
              filename: 'a.pdf',
            },
          ],
        },
      ],
    });
    const blob = expect.stringMatching(/^blob:sha256-/) as string;
    expect(created.input).toEqual({
      messages: [
        { role: 'assistant', content: 'Welcome' },
        { role: 'assistant', content: 'Called x: {"a":1}' },
        { role: 'user', content: 'Result of x: y' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image', url: blob, mediaType: 'image/png' },
            { type: 'file', url: blob, mediaType: 'application/pdf', name: 'a.pdf' },
          ],
        },
      ],
    });
  });

  verifies(['dispatch.agent'], async () => {
    const { created, run } = await started({
      agent: {
        name: 'Shop',
        model: 'script/echo',
        systemPrompt: 'You serve {{customer.name}} of {{_record.name}}, not {{nobody}}.',
        temperature: 0.5,
        maxTokens: 100,
        reasoning: { enabled: true, reasoningEffort: 'low' },
        loopConfig: { maxTurns: 7, maxCost: 0 },
        tools: {
          runtimeTools: [
            {
              name: 'weather',
              description: 'Looks',
              toolType: 'external',
              parametersSchema: { type: 'object' },
              config: {
                url: 'https://weather.example/{{city}}',
                headers: { 'x-key': '{{secrets.weather}}' },
              },
            },
            { name: 'show', description: 'Shows', toolType: 'local', parametersSchema: { type: 'object' } },
            { name: 'ask-agent', description: 'Asks', toolType: 'subagent', config: { agentId: 'agent_x' } },
          ],
          mcpServers: [
            {
              id: 'my.docs',
              url: 'https://mcp.example/mcp',
              auth: { type: 'bearer', token: 'hush-hush' },
              enabled: false,
            },
          ],
          maxToolCalls: 9,
          toolCallStrategy: 'none',
          parallelCalls: false,
          perToolLimits: { weather: { maxCalls: 2 } },
          approval: { require: ['weather', 'show'], timeout: 60_000 },
        },
        errorHandling: {
          onError: 'fallback',
          fallbacks: [
            { type: 'retry', delay: 5 },
            { type: 'message', message: 'Sorry' },
          ],
        },
      },
      messages: [USER],
      inputs: { customer: { name: 'Ada' } },
      record: { name: 'Acme', type: 'firm' },
      metadata: { page: 'cart' },
      secrets: { weather: 'hush' },
      conversationId: 'conv_1',
    });
    expect(created.agent).toMatchObject({
      name: 'Shop',
      instructions: 'You serve Ada of Acme, not .',
      settings: { temperature: 0.5, maxOutputTokens: 100, reasoning: { effort: 'low' } },
      limits: { maxTurns: 7, maxToolCalls: 9 },
      toolChoice: 'none',
      parallelToolCalls: false,
      fallbacks: [
        { type: 'retry', delayMs: 5 },
        { type: 'output', output: 'Sorry' },
      ],
      toolRules: {
        weather: { approval: 'always', approvalDeadline: [{ after: 60, expire: true }], maxCalls: 2 },
        show: { approval: 'always', approvalDeadline: [{ after: 60, expire: true }] },
      },
      tools: [
        {
          type: 'http',
          name: 'weather',
          http: { url: 'https://weather.example/{{city}}', method: 'GET' },
        },
        { type: 'client', name: 'show' },
        { type: 'run', name: 'ask-agent', run: { agent: 'agent_x' } },
      ],
    });
    expect(run.metadata).toEqual({ page: 'cart' });
    expect(run.face).toMatchObject({
      runtype: { conversationId: 'conv_1', clientTools: { show: { name: 'show', origin: 'sdk' } } },
    });
    expect(JSON.stringify(created)).not.toContain('hush');
  });

  verifies(['dispatch.client-tools'], async () => {
    const agentId = await scripted(
      world(),
      [{ text: 'Hi' }],
      [{ type: 'client', name: 'get_cart', description: 'old' }],
    );
    const { created, run } = await started(
      conversation(agentId, {
        clientTools: [pageTool('get-Cart'), pageTool('other')],
        clientToolsPolicy: { allowlist: ['get-Cart'] },
      }),
    );
    expect(created.agent?.tools).toEqual([
      {
        type: 'client',
        name: 'get_cart',
        description: 'Does get-Cart',
        inputSchema: { type: 'object' },
        deadline: [{ after: 604_800, expire: true }],
      },
    ]);
    expect(run.agent?.id).toBe(agentId);
    expect(run.face).toMatchObject({
      runtype: { clientTools: { get_cart: { name: 'get-Cart', pageOrigin: 'https://shop.example' } } },
    });
  });

  verifies(['dispatch.mcp-secrets'], async () => {
    const reply = await agentOf(
      {
        tools: {
          mcpServers: [
            {
              id: 'docs',
              url: 'http://127.0.0.1:9/mcp',
              auth: { type: 'api_key', headerName: 'X-K', token: 'hush-hush' },
            },
          ],
        },
      },
      { options: { streamResponse: false } },
    );
    const { created } = await runOf(reply.body['executionId']);
    expect(created.agent?.mcpServers).toMatchObject([
      { name: 'docs', headers: { 'X-K': '{{secrets.runtype_mcp_agent_0}}' } },
    ]);
    const log = await world().api.call(
      'GET',
      `/v1/runs/${String(reply.body['executionId']).slice(5)}/events`,
    );
    expect(JSON.stringify(log)).not.toContain('hush');
  });

  verifies(['dispatch.execute'], async () => {
    const agentId = await scripted(world(), [{ text: 'Hi' }]);
    const body = { messages: [USER], options: { streamResponse: true } };
    const frames = await runtype().frames('POST', `/v1/agents/${agentId}/execute`, { body });
    expect(types(frames).at(-1)).toBe('execution_complete');
    const unknown = await runtype().request('POST', '/v1/agents/agent_nobody/execute', { body });
    expect(unknown.status).toBe(404);
    expect(unknown.body).toMatchObject({ error: 'Agent not found: agent_nobody' });
    expect((await runtype().request('POST', `/v1/agents/${agentId}/execute`, { body: {} })).status).toBe(400);
  });

  verifies(['dispatch.not-supported'], async () => {
    const newest = () => world().api.call<{ data: Run[] }>('GET', '/v1/runs?limit=1');
    const before = await newest();
    const refused: [Record<string, unknown>, string][] = [
      [{ tools: { toolIds: ['tool_1'] } }, 'agent.tools.toolIds'],
      [
        { tools: { runtimeTools: [{ name: 'x', description: 'x', toolType: 'custom' }] } },
        'agent.tools.runtimeTools[0].toolType',
      ],
      [
        { tools: { mcpServers: [{ id: 'a', url: 'https://a.example', transport: 'rest' }] } },
        'agent.tools.mcpServers[0].transport',
      ],
      [{ advisor: { model: 'x' } }, 'agent.advisor'],
      [{ artifacts: { enabled: true, types: ['markdown'] } }, 'agent.artifacts'],
    ];
    for (const [agent, path] of refused) {
      const reply = await agentOf(agent);
      expect(reply.status, path).toBe(422);
      expect(reply.body).toMatchObject({
        details: [
          { path, code: 'not_supported', suggestion: expect.stringContaining('Supported: ') as string },
        ],
      });
    }
    const flow = {
      name: 'f',
      steps: [
        { name: 'a', type: 'crawl', config: {} },
        {
          name: 'b',
          type: 'conditional',
          config: { condition: 'true', trueSteps: [{ name: 'c', type: 'send-email' }] },
        },
      ],
    };
    const reply = await dispatch({ flow, messages: [USER] });
    expect(reply.status).toBe(422);
    expect(reply.body).toMatchObject({
      error: expect.stringContaining('Supported: prompt, execute-agent') as string,
      details: [
        { path: 'flow.steps[0].type', code: 'not_supported' },
        { path: 'flow.steps[1].config.trueSteps[0].type', code: 'not_supported' },
      ],
    });
    expect((await newest()).data[0]?.id).toBe(before.data[0]?.id);
  });

  verifies(['dispatch.bad-input'], async () => {
    const bad: [unknown, number][] = [
      [{ messages: 'no' }, 400],
      [{ messages: [] }, 400],
      [{ messages: [{ role: 'robot', content: 'x' }] }, 400],
      [{ messages: [USER], clientTools: [{ name: '', description: 'x' }] }, 400],
      [{ messages: [USER], clientTools: [{ name: 'a', description: 'x', origin: 'elsewhere' }] }, 400],
      [
        {
          messages: [USER],
          clientTools: [{ name: 'a', description: 'x', parametersSchema: { type: 'nonsense' } }],
        },
        400,
      ],
      [{ messages: [USER], agent: { agentId: '' } }, 400],
      [{ messages: [USER], agent: { agentId: 'agent_nobody' } }, 404],
      [{ messages: [USER], agent: {}, flow: { name: 'f', steps: [] } }, 400],
      [{ messages: [USER], flow: { name: 'f' } }, 422],
      [{ messages: [USER], flow: { name: 'f', steps: [] } }, 422],
      [{ messages: [USER], flowId: 'flow_nobody' }, 404],
      [{ messages: [{ role: 'user', content: [{ type: 'image', image: 'data:nonsense' }] }] }, 400],
      [{ messages: [USER], agent: { temperature: 9 } }, 400],
    ];
    for (const [body, status] of bad) {
      const reply = await dispatch(body);
      expect(reply.status, `${JSON.stringify(body)} ${reply.text}`).toBe(status);
      expect(reply.body).toMatchObject({ error: expect.any(String) as string });
    }
    const broken = await runtype().request('POST', '/v1/dispatch', { raw: '{"messages":' });
    expect(broken.status).toBe(400);
    let nested: unknown = { name: 'x', type: 'set-variable', config: { variableName: 'a', value: 1 } };
    for (let depth = 0; depth < 11; depth += 1) {
      nested = { name: 'c', type: 'conditional', config: { condition: 'true', trueSteps: [nested] } };
    }
    expect((await dispatch({ flow: { name: 'f', steps: [nested] } })).status).toBe(400);
  });

  verifies(['dispatch.idempotency'], async () => {
    const body = { messages: [USER] };
    const headers = { 'idempotency-key': `key-${Date.now()}` };
    const first = await runtype().frames('POST', '/v1/dispatch', { body, headers });
    const again = await runtype().frames('POST', '/v1/dispatch', { body, headers });
    expect(again).toEqual(first);
    const other = await runtype().request('POST', '/v1/dispatch', {
      body: { messages: [USER, USER] },
      headers,
    });
    expect(other.status).toBe(422);
  });

  verifies(['dispatch.mounts'], async () => {
    const agentId = await scripted(world(), [{ toolCalls: [{ tool: 'a' }] }, { text: 'End' }]);
    const body = conversation(agentId, { clientTools: [pageTool('a')] });
    const frames = await runtype().frames('POST', '/api/chat/dispatch', { body });
    const executionId = frameOf(frames, 'await')['executionId'];
    const rest = await runtype().frames('POST', '/api/chat/dispatch/resume', {
      body: { executionId, toolOutputs: { a: 1 } },
    });
    expect(rest.at(-1)?.event).toBe('execution_complete');
    const path = '/api/chat/dispatch/v1/agents/virtual/approve';
    const approve = await runtype().request('POST', path, {
      body: { executionId, approvalId: 'x', decision: 'approved' },
    });
    expect(approve.body).toMatchObject({ error: 'No pending approval found for x' });
  });
});
