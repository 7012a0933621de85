import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, textIn, types, type RuntypeFrame } from './runtype-client.ts';
import { pageTool, scripted } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());
const USER = { role: 'user', content: 'hello' };

function run(steps: Record<string, unknown>[], more: Record<string, unknown> = {}): Promise<RuntypeFrame[]> {
  return runtype().dispatch({ flow: { name: 'Test', steps }, messages: [USER], ...more });
}

const step = (type: string, config: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  name: type,
  type,
  config,
  ...more,
});

const say = (message: string): Record<string, unknown> => step('send-stream', { message });

describe('a flow', () => {
  verifies(['flow.order'], async () => {
    const frames = await run(
      [
        step('set-variable', { variableName: 'city', value: 'Oslo' }, { id: 's1' }),
        step(
          'prompt',
          { model: 'script/echo', userPrompt: 'In {{city}}, {{user_message}}', outputVariable: 'answer' },
          { id: 's2' },
        ),
        step(
          'transform-data',
          { script: 'return { shout: answer.toUpperCase(), n: input.count + 1 }', outputVariable: 'loud' },
          { id: 's3' },
        ),
        { ...say('{{loud.shout}} {{loud.n}}'), id: 's4' },
      ],
      { inputs: { count: 41 } },
    );
    expect(types(frames)).toEqual([
      'execution_start',
      'step_start',
      'step_complete',
      'step_start',
      'text_start',
      'text_delta',
      'text_complete',
      'step_complete',
      'step_start',
      'step_complete',
      'step_start',
      'text_start',
      'text_delta',
      'text_complete',
      'step_complete',
      'execution_complete',
    ]);
    expect(frameOf(frames, 'execution_start')).toMatchObject({
      kind: 'flow',
      flowName: 'Test',
      totalSteps: 4,
    });
    expect(textIn(frames)).toBe('In Oslo, helloIN OSLO, HELLO 42');
    const starts = frames.filter(({ event }) => event === 'step_start').map(({ data }) => data);
    expect(starts.map((one) => [one['id'], one['stepType'], one['index'], one['totalSteps']])).toEqual([
      ['s1', 'set-variable', 0, 4],
      ['s2', 'prompt', 1, 4],
      ['s3', 'transform-data', 2, 4],
      ['s4', 'send-stream', 3, 4],
    ]);
    const ends = frames.filter(({ event }) => event === 'step_complete').map(({ data }) => data);
    expect(ends[1]).toMatchObject({
      success: true,
      result: { response: 'In Oslo, hello' },
      stopReason: 'end_turn',
    });
    expect(ends[2]).toMatchObject({ result: { shout: 'IN OSLO, HELLO', n: 42 } });
    expect(ends[2]).not.toHaveProperty('stopReason');
    expect(frameOf(frames, 'execution_complete')).toMatchObject({
      kind: 'flow',
      success: true,
      totalSteps: 4,
      successfulSteps: 4,
      failedSteps: 0,
    });
  });

  verifies(['flow.branches'], async () => {
    const frames = await run([
      step(
        'conditional',
        { condition: 'user_message === "hello"', trueSteps: [say('yes')], falseSteps: [say('no')] },
        { id: 'c' },
      ),
      { ...say('never'), when: 'false' },
      { ...say('off'), enabled: false },
      { ...say('first'), order: 0 },
    ]);
    expect(textIn(frames)).toBe('yesfirst');
    const skipped = frames.filter(({ event }) => event === 'step_skip').map(({ data }) => data['when']);
    expect(skipped).toContain('false');
    expect(skipped).toHaveLength(2);
  });

  verifies(['flow.requests'], async () => {
    const { target } = world();
    const frames = await run(
      [
        step('api-call', {
          http: { url: `${target.url}/{{what}}`, method: 'POST', body: { q: '{{user_message}}' } },
          auth: { type: 'bearer', token: 'hush-hush' },
          outputVariable: 'got',
        }),
        step(
          'fetch-url',
          { http: { url: 'http://169.254.169.254/secrets' }, errorHandling: { onError: 'continue' } },
          { id: 'metadata' },
        ),
        say('after'),
      ],
      { inputs: { what: 'thing' } },
    );
    const ends = frames.filter(({ event }) => event === 'step_complete').map(({ data }) => data);
    expect(ends[0]).toMatchObject({ stepType: 'api-call', success: true });
    expect(ends[1]).toMatchObject({ id: 'metadata', success: false, error: expect.any(String) as string });
    expect(textIn(frames)).toBe('after');
    expect(types(frames)).not.toContain('tool_start');
    expect(JSON.stringify(frames)).not.toContain('hush-hush');
    expect(frames.at(-1)?.data).toMatchObject({
      type: 'execution_complete',
      failedSteps: 1,
      successfulSteps: 2,
    });
  });

  verifies(['flow.failure'], async () => {
    const frames = await run([step('transform-data', { script: 'throw new Error("broken")' }), say('never')]);
    expect(types(frames)).toEqual(['execution_start', 'step_start', 'step_complete', 'execution_error']);
    expect(frameOf(frames, 'step_complete')).toMatchObject({
      success: false,
      error: expect.stringContaining('broken') as string,
    });
    const fallback = await run([
      step('transform-data', {
        script: 'throw new Error("broken")',
        outputVariable: 'x',
        errorHandling: { onError: 'fallback', fallbacks: [{ type: 'message', message: 'instead' }] },
      }),
      say('{{x}}'),
    ]);
    expect(textIn(fallback)).toBe('instead');
    const instead = { type: 'flow', flow: { name: 'other', steps: [say('another flow')] } };
    const other = await run([
      step('transform-data', {
        script: 'throw new Error("broken")',
        outputVariable: 'x',
        errorHandling: { onError: 'fallback', fallbacks: [instead] },
      }),
      say('It was {{x}}.'),
    ]);
    expect(textIn(other)).toBe('It was another flow.');
  });

  verifies(['flow.pause'], async () => {
    const agentId = await scripted(world(), [
      { text: 'I look.', toolCalls: [{ tool: 'get_cart' }] },
      { text: 'It is empty.' },
    ]);
    const frames = await run(
      [
        step('execute-agent', { agentId, message: '{{user_message}}', outputVariable: 'a' }, { id: 'ask' }),
        say('[{{a}}]'),
      ],
      { clientTools: [pageTool('get_cart')] },
    );
    expect(types(frames)).toEqual([
      'execution_start',
      'step_start',
      'text_start',
      'text_delta',
      'text_complete',
      'tool_start',
      'await',
    ]);
    const asked = frameOf(frames, 'await');
    expect(asked).toMatchObject({ toolName: 'get_cart', origin: 'webmcp', stepId: 'ask' });
    const rest = await runtype().resume({
      executionId: asked['executionId'],
      toolOutputs: { [String(asked['toolCallId'])]: 'nothing' },
    });
    expect(types(rest)).toEqual([
      'execution_start',
      'step_start',
      'text_start',
      'text_delta',
      'text_complete',
      'step_complete',
      'step_start',
      'text_start',
      'text_delta',
      'text_complete',
      'step_complete',
      'execution_complete',
    ]);
    expect(frameOf(rest, 'execution_start')).toMatchObject({ kind: 'flow', resumed: true });
    expect(frameOf(rest, 'step_start')).toMatchObject({ id: 'ask', stepType: 'execute-agent' });
    expect(textIn(rest)).toBe('It is empty.[It is empty.]');
    const all = await runtype().frames(
      'GET',
      `/v1/agents/x/executions/${String(asked['executionId'])}/events`,
    );
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });

  verifies(['flow.tool-call'], async () => {
    const frames = await run(
      [
        step(
          'tool-call',
          { toolId: 'get-Cart', parameters: { full: '{{yes}}' }, outputVariable: 'cart' },
          { id: 't' },
        ),
        say('{{cart.items}}'),
      ],
      { clientTools: [pageTool('get-Cart')], inputs: { yes: true } },
    );
    expect(types(frames)).toEqual(['execution_start', 'step_start', 'tool_start', 'await']);
    const asked = frameOf(frames, 'await');
    expect(asked).toMatchObject({ toolName: 'get-Cart', parameters: { full: true } });
    const rest = await runtype().resume({
      executionId: asked['executionId'],
      toolOutputs: { 'webmcp:get-Cart': { items: 3 } },
    });
    expect(types(rest).slice(0, 3)).toEqual(['execution_start', 'step_start', 'step_complete']);
    expect(textIn(rest)).toBe('3');
    const unknown = await runtype().request('POST', '/v1/dispatch', {
      body: { flow: { name: 'f', steps: [step('tool-call', { toolId: 'tool_saved' })] } },
    });
    expect(unknown.status).toBe(422);
  });

  verifies(['flow.wait'], async () => {
    const frames = await run([step('wait-until', { delayMs: 30 }), say('later')]);
    expect(types(frames).slice(0, 3)).toEqual(['execution_start', 'step_start', 'step_complete']);
    expect(textIn(frames)).toBe('later');
  });

  verifies(['flow.saved'], async () => {
    const flow = {
      name: 'Saved',
      steps: [
        { id: 'a', name: 'Ask', type: 'agent', agent: { model: 'script/echo' }, messages: '{{ messages }}' },
      ],
    };
    const { id } = await world().api.call<{ id: string }>('POST', '/native/v1/flows', flow);
    for (const body of [{ flowId: id }, { flow: { id } }]) {
      const frames = await runtype().dispatch({ ...body, messages: [USER], clientTools: [pageTool('x')] });
      expect(frameOf(frames, 'execution_start')).toMatchObject({
        kind: 'flow',
        flowId: id,
        flowName: 'Saved',
      });
      expect(textIn(frames)).toBe('hello');
    }
    const reply = await runtype().request('POST', '/v1/dispatch', {
      body: { flowId: id, messages: [USER], options: { streamResponse: false } },
    });
    expect(reply.body).toMatchObject({ success: true, status: 'completed', finalOutput: 'hello' });
  });

  verifies(
    ['flow.bad-input'],
    async () => {
      const refuse = (one: Record<string, unknown>) =>
        runtype().request('POST', '/v1/dispatch', { body: { flow: { name: 'f', steps: [one] } } });
      for (const one of [
        step('prompt', { model: 7 }),
        step('transform-data', {}),
        step('transform-data', { script: 'return (' }),
        step('set-variable', { variableName: 'not a name', value: 1 }),
        step('fetch-url', { http: {} }),
        step('conditional', { trueSteps: [] }),
        step('send-stream', { message: '{% if %}' }),
        step('set-variable', { variableName: 'a', value: 1 }, { when: 'x ===' }),
        step('set-variable', { variableName: 'a', value: 1 }, { id: 'no spaces' }),
      ]) {
        const reply = await refuse(one);
        expect(reply.status, `${JSON.stringify(one)} ${reply.text}`).toBe(400);
        expect(reply.body).toMatchObject({
          details: [{ path: expect.stringMatching(/^flow\.steps/) as string }],
        });
      }
      const endless = await run([step('transform-data', { script: 'for (;;) {}' })]);
      expect(endless.at(-1)?.event).toBe('execution_error');
      const greedy = await run([
        step('transform-data', { script: 'const a = []; for (;;) a.push(new Array(1e6).fill(1))' }),
      ]);
      expect(greedy.at(-1)?.event).toBe('execution_error');
    },
    60_000,
  );
});
