import type { ScriptTurn } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { createToolbox } from '../tools/toolbox.ts';
import { assistantMessage, call, modelRequest, userMessage, WEATHER } from './model-request.fixture.ts';
import type { ModelAnswer, ModelOutcome, ModelRequest, ModelTool } from './model-request.ts';
import { createModels, type Models } from './models.ts';
import { builtinAgentTools } from './ready-made-scripts.ts';

const slept: number[] = [];
const models: Models = createModels({
  providers: { compatible: {} },
  aliases: {},
  unknownModel: 'fail',
  defaultModel: 'script/echo',
  stallMs: 1_000,
  sleep: (ms, signal) => {
    slept.push(ms);
    return signal.aborted ? Promise.reject(new Error('aborted')) : Promise.resolve();
  },
});

function play(script: ScriptTurn[], more: Partial<ModelRequest> = {}): Promise<ModelOutcome> {
  return models.call(modelRequest('script/test', { script, ...more }).request);
}

function answer(outcome: ModelOutcome): ModelAnswer {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure));
  return outcome;
}

function textOf(outcome: ModelAnswer): string {
  return outcome.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

async function toolsOf(model: string): Promise<ModelTool[]> {
  await using toolbox = createToolbox({
    tools: builtinAgentTools(model),
    mcpServers: [],
    secrets: {},
    fetch: () => Promise.reject(new Error('offline')),
    defaultTimeoutMs: 1_000,
  });
  const result = await toolbox.resolve(new AbortController().signal);
  if (!result.ok) throw new Error('no tools');
  return result.tools;
}

describe('a scripted model', () => {
  it('plays the entry of the turn', async () => {
    const script = [{ text: 'first' }, { text: 'second' }];
    expect(textOf(answer(await play(script, { turn: 2 })))).toBe('second');
  });

  it('fails for good when no turn is left', async () => {
    expect(await play([{ text: 'first' }], { turn: 2 })).toMatchObject({
      ok: false,
      failure: { kind: 'terminal', message: expect.stringContaining('1 turn') },
    });
  });

  it('fails for good when it calls a tool that the run does not have', async () => {
    expect(await play([{ toolCalls: [{ tool: 'launch' }] }], { tools: [WEATHER] })).toMatchObject({
      ok: false,
      failure: { kind: 'terminal', message: expect.stringMatching(/"launch".*get_weather/) },
    });
  });

  it('fails for good when it has neither a script nor a ready-made name', async () => {
    expect(await models.call(modelRequest('script/nothing').request)).toMatchObject({
      failure: { kind: 'terminal' },
    });
  });

  it('streams the pieces it is given, after its delays', async () => {
    slept.length = 0;
    const { request, deltas } = modelRequest('script/test', {
      script: [{ deltas: ['a', 'b', 'c'], delayMs: 50, deltaDelayMs: 10 }],
    });
    answer(await models.call(request));
    expect(deltas.map((delta) => delta.text)).toEqual(['a', 'b', 'c']);
    expect(slept).toEqual([50, 10, 10]);
  });

  it('streams reasoning, text and tool input as parts of their own', async () => {
    const { request, deltas } = modelRequest('script/test', {
      script: [{ reasoning: 'hm', text: 'ok', toolCalls: [{ tool: 'get_weather', args: { city: 'Oslo' } }] }],
      tools: [WEATHER],
    });
    const outcome = answer(await models.call(request));
    expect(deltas).toEqual([
      { part: 0, channel: 'reasoning', text: 'hm' },
      { part: 1, channel: 'text', text: 'ok' },
      { part: 2, channel: 'tool_input', text: '{"city":"Oslo"}' },
    ]);
    expect(outcome).toMatchObject({
      finishReason: 'tool-calls',
      toolCalls: [{ tool: 'get_weather', args: { city: 'Oslo' } }],
    });
  });

  it('puts the last user message in the place of {{input}}, whatever it contains', async () => {
    const messages = [userMessage('first'), userMessage('$& {{input}}')];
    expect(textOf(answer(await play([{ text: 'You said: {{input}}' }], { messages })))).toBe(
      'You said: $& {{input}}',
    );
  });

  it('fails as a provider would: for a number of attempts, or always', async () => {
    const script: ScriptTurn[] = [{ text: 'there', error: { status: 429, retryAfterMs: 700, times: 2 } }];
    expect(await play(script, { attempt: 1 })).toMatchObject({
      failure: { kind: 'retryable', afterMs: 700, status: 429 },
    });
    expect(await play(script, { attempt: 2 })).toMatchObject({ failure: { kind: 'retryable' } });
    expect(textOf(answer(await play(script, { attempt: 3 })))).toBe('there');
    expect(await play([{ error: { status: 400 } }], { attempt: 99 })).toMatchObject({
      failure: { kind: 'terminal' },
    });
  });

  it('counts its usage in words, or reports what it is told', async () => {
    expect(answer(await play([{ text: 'one two three' }])).usage).toEqual({
      inputTokens: 2,
      outputTokens: 3,
    });
    expect(answer(await play([{ text: 'x', usage: { inputTokens: 9, outputTokens: 8 } }])).usage).toEqual({
      inputTokens: 9,
      outputTokens: 8,
    });
  });

  it('ends when the signal fires: while it waits, and between deltas without delays', async () => {
    const controller = new AbortController();
    const outcome = await play([{ text: 'word '.repeat(10_000) }], {
      signal: controller.signal,
      onDelta: () => controller.abort(),
    });
    expect(outcome).toEqual({ ok: false, failure: { kind: 'aborted' } });
    const real = createModels({
      providers: { compatible: {} },
      aliases: {},
      unknownModel: 'fail',
      defaultModel: 'x',
      stallMs: 1,
    });
    const waiting = new AbortController();
    const pending = real.call(
      modelRequest('script/test', { script: [{ delayMs: 60_000 }], signal: waiting.signal }).request,
    );
    waiting.abort();
    expect(await pending).toEqual({ ok: false, failure: { kind: 'aborted' } });
  });
});

describe('script/echo', () => {
  it('streams the last user message back word by word', async () => {
    const { request, deltas } = modelRequest('script/echo', {
      messages: [userMessage('  hello  {{input}} world\n')],
    });
    const outcome = answer(await models.call(request));
    expect(textOf(outcome)).toBe('  hello  {{input}} world\n');
    expect(deltas.length).toBe(3);
    expect(deltas.map((delta) => delta.text).join('')).toBe('  hello  {{input}} world\n');
  });

  it('answers something when nothing was said', async () => {
    expect(textOf(answer(await models.call(modelRequest('script/echo', { messages: [] }).request)))).not.toBe(
      '',
    );
  });
});

describe('script/slow', () => {
  it('says 60 words, one every 200 ms, calls a timer, and says them again', async () => {
    slept.length = 0;
    const tools = await toolsOf('script/slow');
    const first = answer(await models.call(modelRequest('script/slow', { tools }).request));
    expect(textOf(first).split(' ')).toHaveLength(60);
    expect(slept).toEqual(Array<number>(59).fill(200));
    expect(first.toolCalls).toMatchObject([{ tool: 'sleep_until', args: { seconds: 1 } }]);
    const messages = [
      userMessage('go'),
      assistantMessage(first.parts, [call('a', 'sleep_until', { seconds: 1 })]),
    ];
    const second = answer(
      await models.call(modelRequest('script/slow', { tools, messages, turn: 2 }).request),
    );
    expect([textOf(second).split(' ').length, second.toolCalls.length]).toEqual([60, 0]);
  });

  it('makes no call when the run has no timer', async () => {
    expect(answer(await models.call(modelRequest('script/slow').request)).toolCalls).toEqual([]);
  });
});

describe('script/approval', () => {
  it('brings a tool along that needs an approval, and calls it with valid arguments', async () => {
    const tools = await toolsOf('script/approval');
    expect(tools).toMatchObject([{ name: 'record_note', approval: 'always' }]);
    const outcome = answer(await models.call(modelRequest('script/approval', { tools }).request));
    expect(outcome.toolCalls).toMatchObject([{ tool: 'record_note', args: { text: 'hello there' } }]);
  });

  it('prefers the tool of the run that needs an approval', async () => {
    const tools: ModelTool[] = [WEATHER, { ...WEATHER, name: 'pay', type: 'http', approval: 'always' }];
    const outcome = answer(await models.call(modelRequest('script/approval', { tools }).request));
    expect(outcome.toolCalls).toMatchObject([{ tool: 'pay', args: { city: 'hello there' } }]);
  });

  it.each([
    ['completed', { output: { receipt: 7 } }, '{"receipt":7}'],
    ['denied', { output: null, error: { code: 'denied', message: 'too expensive' } }, 'too expensive'],
  ] as const)('reports the call that was %s', async (state, more, expected) => {
    const messages = [
      userMessage('go'),
      assistantMessage('I call pay.', [call('a', 'pay', {}, { ...more, state })]),
      userMessage('and?'),
    ];
    const outcome = answer(await models.call(modelRequest('script/approval', { messages, turn: 2 }).request));
    expect(textOf(outcome)).toContain(expected);
    expect(outcome.toolCalls).toEqual([]);
  });

  it('asks again in a session whose last run is finished', async () => {
    const tools = await toolsOf('script/approval');
    const messages = [userMessage('go'), assistantMessage('Done.'), userMessage('again')];
    expect(
      answer(await models.call(modelRequest('script/approval', { messages, tools, turn: 3 }).request))
        .toolCalls,
    ).toHaveLength(1);
  });
});

describe('script/client-tool', () => {
  it('calls the first client tool and reports its output', async () => {
    const tools: ModelTool[] = [
      { ...WEATHER, name: 'other', type: 'http' },
      { ...WEATHER, type: 'client' },
    ];
    const first = answer(await models.call(modelRequest('script/client-tool', { tools }).request));
    expect(first.toolCalls).toMatchObject([{ tool: 'get_weather' }]);
    const messages = [
      userMessage('go'),
      assistantMessage(first.parts, [call('a', 'get_weather', {}, { output: 'rain' })]),
    ];
    expect(
      textOf(
        answer(await models.call(modelRequest('script/client-tool', { tools, messages, turn: 2 }).request)),
      ),
    ).toContain('rain');
  });

  it('says so when there is none', async () => {
    expect(answer(await models.call(modelRequest('script/client-tool').request)).toolCalls).toEqual([]);
  });
});
