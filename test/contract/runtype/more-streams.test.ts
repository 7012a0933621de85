import { describe, expect } from 'vitest';
import { sharedWorld, testWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, textIn, types } from './runtype-client.ts';
import { conversation, pageTool, scripted } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());

describe('runs below an execution', () => {
  verifies(['child.approval'], async () => {
    const childId = await scripted(
      world(),
      [
        { text: 'Child thinks', toolCalls: [{ tool: 'pay', args: { amount: 3 } }, { tool: 'look' }] },
        { text: 'Child is done' },
      ],
      [
        {
          type: 'http',
          name: 'pay',
          http: { url: world().target.url, method: 'POST' },
          approval: 'always',
        },
        { type: 'client', name: 'look' },
      ],
    );
    const agentId = await scripted(
      world(),
      [{ toolCalls: [{ tool: 'helper', args: { message: 'pay' } }] }, { text: 'Parent is done' }],
      [{ type: 'run', name: 'helper', run: { agent: childId } }],
    );
    const frames = await runtype().dispatch(conversation(agentId));
    expect(types(frames).slice(0, 3)).toEqual(['execution_start', 'turn_start', 'tool_start']);
    expect(frameOf(frames, 'tool_start')).toMatchObject({ toolName: 'helper', toolType: 'subagent' });
    const asked = frameOf(frames, 'approval_start');
    expect(asked).toMatchObject({
      toolName: 'pay',
      parameters: { amount: 3 },
      subagent: { toolName: 'helper', parentToolCallId: frameOf(frames, 'tool_start')['toolCallId'] },
    });
    const awaited = frameOf(frames, 'await');
    expect(awaited).toMatchObject({ toolName: 'look' });
    const executionId = asked['executionId'];
    const part = await runtype().resume({
      executionId,
      toolOutputs: { [String(awaited['toolCallId'])]: 'seen' },
    });
    expect(types(part)).not.toContain('execution_complete');
    const rest = await runtype().frames('POST', '/v1/agents/virtual/approve', {
      body: { executionId, approvalId: asked['approvalId'], decision: 'approved', streamResponse: true },
    });
    expect(types(rest)).toEqual([
      'execution_start',
      'tool_start',
      'approval_complete',
      'tool_complete',
      'turn_start',
      'text_start',
      'text_delta',
      'text_complete',
      'turn_complete',
      'execution_complete',
    ]);
    expect(frameOf(rest, 'tool_complete')).toMatchObject({
      toolName: 'helper',
      success: true,
      result: 'Child is done',
    });
    expect(textIn([...frames, ...part, ...rest])).toBe('Parent is done');
  });
});

describe('questions and fallbacks', () => {
  verifies(['input.elicitation'], async () => {
    const schema = { type: 'object', properties: { size: { type: 'integer' } }, required: ['size'] };
    const agentId = await scripted(
      world(),
      [{ toolCalls: [{ tool: 'ask_user', args: { question: 'Which size?', schema } }] }, { text: 'Thanks' }],
      [{ type: 'builtin', name: 'ask_user' }],
    );
    const frames = await runtype().dispatch(conversation(agentId));
    const asked = frameOf(frames, 'await');
    expect(asked).toMatchObject({
      toolName: 'ask_user',
      awaitReason: 'input_required',
      elicitation: { message: 'Which size?', mode: 'form', requestedSchema: schema },
    });
    const executionId = asked['executionId'];
    const wrong = await runtype().request('POST', '/v1/dispatch/resume', {
      body: { executionId, toolOutputs: { ask_user: 'big' } },
    });
    expect(wrong.status).toBe(400);
    const rest = await runtype().resume({ executionId, toolOutputs: { ask_user: { size: 4 } } });
    expect(textIn(rest)).toBe('Thanks');
  });

  verifies(['stream.fallback'], async () => {
    const failing = { error: { status: 400, message: 'no such thing' } };
    const fallbacks = [{ type: 'output', output: 'Sorry' }];
    const agentId = await scripted(world(), [failing], [], { fallbacks });
    const frames = await runtype().dispatch(conversation(agentId));
    const phases = frames.filter(({ event }) => event === 'custom').map(({ data }) => data['value']);
    expect(phases).toMatchObject([
      { phase: 'start', type: 'message' },
      { phase: 'complete', success: true },
    ]);
    expect(textIn(frames)).toBe('Sorry');
    expect(frameOf(frames, 'turn_complete')).toMatchObject({ fallback: { used: true, exhausted: false } });
  });

  verifies(['stream.ends'], async () => {
    const call = { toolCalls: [{ tool: 'record_note', args: { text: 'n' } }] };
    const agentId = await scripted(world(), [call, call, call], [{ type: 'builtin', name: 'record_note' }], {
      limits: { maxTurns: 2 },
    });
    const limited = await runtype().dispatch(conversation(agentId));
    expect(limited.at(-1)?.data).toMatchObject({
      type: 'execution_complete',
      success: true,
      stopReason: 'max_turns',
    });
    const body = conversation(agentId, { options: { streamResponse: false } });
    const reply = await runtype().request('POST', '/v1/dispatch', { body });
    expect(reply.body).toMatchObject({ success: true, status: 'completed', stopReason: 'max_turns' });
    const broken = await scripted(world(), [{ error: { status: 400, message: 'refused' } }]);
    const failed = await runtype().dispatch(conversation(broken));
    expect(failed.at(-1)?.data).toMatchObject({ type: 'execution_error', code: 'provider_failed' });
    const failedReply = await runtype().request('POST', '/v1/dispatch', {
      body: conversation(broken, { options: { streamResponse: false } }),
    });
    expect(failedReply.body).toMatchObject({ success: false, status: 'failed', code: 'provider_failed' });
  });
});

describe('a stream that is held', () => {
  verifies(['stream.hold'], async () => {
    const slow = {
      deltas: ['one', ' two', ' three'],
      deltaDelayMs: 120,
      toolCalls: [{ tool: 'record_note', args: { text: 'n' } }],
    };
    const agentId = await scripted(
      world(),
      [slow, { text: 'End' }],
      [{ type: 'builtin', name: 'record_note' }],
    );
    const stream = runtype().stream('POST', '/v1/dispatch', { body: conversation(agentId) });
    const seen = [];
    let runId = '';
    for await (const frame of stream) {
      seen.push(frame);
      runId = String(frame.data['executionId']).replace('exec_', '');
      if (frame.event === 'text_delta' && seen.filter(({ event }) => event === 'text_delta').length === 1) {
        await world().api.command(runId, 'pause', {});
      }
      if (frame.event === 'text_complete' && seen.every(({ event }) => event !== 'turn_complete')) {
        const run = await world().api.run(runId);
        if (run.holds.length > 0) await world().api.command(runId, 'resume', {});
      }
    }
    expect(seen.at(-1)?.event).toBe('execution_complete');
    expect(textIn(seen)).toBe('one two threeEnd');
  });

  verifies(['http.root'], async () => {
    await using rooted = await testWorld({
      env: { FERMATA_ROOT_DIALECT: 'runtype', FERMATA_CORS_ORIGINS: 'https://one.example' },
    });
    const client = new RuntypeClient(rooted.url, rooted.api.key);
    const frames = await client.dispatch({ messages: [{ role: 'user', content: 'hi' }] });
    expect(textIn(frames)).toBe('hi');
    expect((await client.request('GET', '/v1/runs')).body).toEqual({ error: 'Not Found', code: 'not_found' });
    expect((await client.request('GET', '/nowhere')).body).toEqual({ error: 'Not Found', code: 'not_found' });
    const asked = async (origin: string) => {
      const headers = { origin, 'access-control-request-method': 'POST' };
      const reply = await client.request('OPTIONS', '/v1/dispatch', { headers, key: null });
      return reply.headers.get('access-control-allow-origin');
    };
    expect(await asked('https://one.example')).toBe('https://one.example');
    expect(await asked('https://two.example')).toBe(null);
  });

  verifies(['http.auth'], async () => {
    const { key } = runtype();
    const ask = (headers: Record<string, string>) =>
      runtype().request('POST', '/v1/dispatch', {
        key: null,
        headers,
        body: { messages: [{ role: 'user', content: 'x' }], options: { streamResponse: false } },
      });
    for (const headers of [
      { authorization: `Bearer ${key}` },
      { authorization: key },
      { 'x-api-key': key },
    ]) {
      expect((await ask(headers)).status).toBe(200);
    }
    const refused = await ask({ origin: 'https://shop.example' });
    expect(refused.status).toBe(401);
    expect(refused.body).toMatchObject({ error: expect.any(String) as string });
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect((await ask({ authorization: 'Bearer nonsense' })).status).toBe(401);
    const operator = new RuntypeClient(runtype().base, world().operator.key);
    const body = { messages: [{ role: 'user', content: 'x' }], clientTools: [pageTool('a')] };
    expect((await operator.request('POST', '/v1/dispatch', { body })).status).toBe(403);
    expect((await runtype().request('GET', '/v1/dispatch')).status).toBe(405);
  });
});
