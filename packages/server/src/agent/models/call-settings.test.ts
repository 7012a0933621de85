import type { ModelSettings } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { assistantMessage, call, modelRequest, userMessage, WEATHER } from './model-request.fixture.ts';
import type { ModelRequest } from './model-request.ts';
import { createModels } from './models.ts';
import {
  anthropicFrames,
  chatFrames,
  responsesFrames,
  sse,
  startProviderServer,
} from './provider-server.fixture.ts';
import { encodeSignature } from './reasoning-signature.ts';

const GEMINI = sse([
  { candidates: [{ index: 0, content: { role: 'model', parts: [{ text: 'ok' }] }, finishReason: 'STOP' }] },
]);
const REPLIES = {
  chat: sse(chatFrames([{ role: 'assistant', content: 'ok' }])),
  responses: sse(responsesFrames(['ok'], [])),
  anthropic: sse(anthropicFrames([{ type: 'text', deltas: ['ok'] }])),
  google: GEMINI,
};
const KEY = 'sk-test-abcdefghijklmnop';

/** The body that the provider is sent for a request. */
async function sent(
  wire: keyof typeof REPLIES,
  model: string,
  more: Partial<ModelRequest>,
): Promise<Record<string, unknown>> {
  await using server = await startProviderServer(REPLIES[wire]);
  const models = createModels({
    providers: {
      openai: { apiKey: KEY, baseUrl: `${server.url}/v1`, api: wire === 'chat' ? 'chat' : 'responses' },
      anthropic: { apiKey: KEY, baseUrl: `${server.url}/v1` },
      google: { apiKey: KEY, baseUrl: `${server.url}/v1beta` },
      compatible: { local: { baseUrl: `${server.url}/v1` } },
    },
    aliases: {},
    unknownModel: 'fail',
    defaultModel: 'script/echo',
    stallMs: 5_000,
  });
  const outcome = await models.call(modelRequest(model, more).request);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure));
  return server.seen[0]?.body ?? {};
}

const SAMPLING: ModelSettings = {
  temperature: 0.3,
  topP: 0.8,
  topK: 40,
  frequencyPenalty: 0.5,
  presencePenalty: -0.5,
  seed: 7,
  maxOutputTokens: 321,
};

describe('settings of the model on the wire', () => {
  it('of OpenAI: all but topK', async () => {
    const settings = SAMPLING;
    expect(await sent('chat', 'openai/gpt-4o', { settings })).toMatchObject({
      temperature: 0.3,
      top_p: 0.8,
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
      seed: 7,
      max_tokens: 321,
    });
    expect(await sent('responses', 'openai/gpt-4o', { settings })).toMatchObject({
      temperature: 0.3,
      top_p: 0.8,
      max_output_tokens: 321,
      store: false,
    });
  });

  it('of Anthropic: temperature or topP, topK and the length', async () => {
    const body = await sent('anthropic', 'anthropic/claude-sonnet-4-5', {
      settings: { topP: 0.8, topK: 40, maxOutputTokens: 321 },
    });
    expect(body).toMatchObject({ top_p: 0.8, top_k: 40, max_tokens: 321 });
  });

  it('of Google: all, but no penalties where its model takes none', async () => {
    const old = await sent('google', 'google/gemini-1.5-pro', { settings: SAMPLING });
    expect(old['generationConfig']).toMatchObject({ frequencyPenalty: 0.5, presencePenalty: -0.5 });
    const body = await sent('google', 'google/gemini-2.5-flash', { settings: SAMPLING });
    expect(body['generationConfig']).toEqual({
      temperature: 0.3,
      topP: 0.8,
      topK: 40,
      seed: 7,
      maxOutputTokens: 321,
    });
  });

  it('of a compatible server: all but topK', async () => {
    expect(await sent('chat', 'local/llama', { settings: SAMPLING })).toMatchObject({
      temperature: 0.3,
      top_p: 0.8,
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
      seed: 7,
      max_tokens: 321,
    });
  });

  it('sends none of them when the agent says nothing', async () => {
    const body = await sent('chat', 'openai/gpt-4o', {});
    const { temperature, top_p, seed, max_tokens, reasoning_effort, parallel_tool_calls } = body;
    expect([temperature, top_p, seed, max_tokens, reasoning_effort, parallel_tool_calls]).toEqual(
      Array(6).fill(undefined),
    );
  });
});

describe('reasoning on the wire', () => {
  const high: ModelSettings = { reasoning: { effort: 'high' } };

  it('is the effort of OpenAI and of compatible servers', async () => {
    expect(await sent('chat', 'openai/gpt-5', { settings: high })).toMatchObject({
      reasoning_effort: 'high',
    });
    expect(await sent('responses', 'openai/gpt-5', { settings: high })).toMatchObject({
      reasoning: { effort: 'high' },
    });
    expect(await sent('chat', 'local/llama', { settings: high })).toMatchObject({ reasoning_effort: 'high' });
  });

  it('is medium when it is only switched on, and as little as there is when it is switched off', async () => {
    const on: ModelSettings = { reasoning: true };
    const off: ModelSettings = { reasoning: false };
    expect(await sent('chat', 'openai/gpt-5', { settings: on })).toMatchObject({
      reasoning_effort: 'medium',
    });
    expect(await sent('chat', 'openai/gpt-5', { settings: off })).toMatchObject({
      reasoning_effort: 'minimal',
    });
    expect(await sent('chat', 'openai/gpt-5.1', { settings: off })).toMatchObject({
      reasoning_effort: 'none',
    });
    expect(await sent('chat', 'openai/gpt-4o', { settings: off })).not.toHaveProperty('reasoning_effort');
    expect(await sent('chat', 'local/llama', { settings: off })).not.toHaveProperty('reasoning_effort');
    expect(await sent('google', 'google/gemini-2.5-flash', { settings: off })).toMatchObject({
      generationConfig: { thinkingConfig: { thinkingBudget: 0 } },
    });
  });

  it('is a budget of Anthropic, beside the length of the answer', async () => {
    const settings: ModelSettings = { reasoning: { budgetTokens: 1_000 }, maxOutputTokens: 500 };
    expect(await sent('anthropic', 'anthropic/claude-sonnet-4-5', { settings })).toMatchObject({
      thinking: { type: 'enabled', budget_tokens: 1_024 },
      max_tokens: 1_524,
    });
  });

  it('is an effort of the Claude models that decide themselves how much they think', async () => {
    const settings: ModelSettings = { reasoning: { budgetTokens: 30_000 } };
    expect(await sent('anthropic', 'anthropic/claude-opus-4-7', { settings })).toMatchObject({
      thinking: { type: 'adaptive' },
      output_config: { effort: 'high' },
    });
  });

  it('is a budget of Gemini 2.5 and a level of Gemini 3', async () => {
    const budget: ModelSettings = { reasoning: { budgetTokens: 2_000 } };
    expect(await sent('google', 'google/gemini-2.5-flash', { settings: budget })).toMatchObject({
      generationConfig: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2_000 } },
    });
    expect(await sent('google', 'google/gemini-3-pro', { settings: high })).toMatchObject({
      generationConfig: { thinkingConfig: { includeThoughts: true, thinkingLevel: 'high' } },
    });
  });

  it('is off for Anthropic where the last answer called a tool without thinking, which it would refuse', async () => {
    const settings: ModelSettings = { reasoning: true };
    const asked = (thoughts: boolean): Partial<ModelRequest> => ({
      settings,
      tools: [WEATHER],
      messages: [
        userMessage('weather?'),
        assistantMessage(
          thoughts
            ? [
                {
                  type: 'reasoning',
                  text: 'hm',
                  signature: encodeSignature({ provider: 'anthropic', data: { signature: 'c2ln' } }),
                },
              ]
            : [],
          [call('toolu_1', 'get_weather', { city: 'Oslo' })],
        ),
      ],
    });
    const model = 'anthropic/claude-sonnet-4-5';
    expect(await sent('anthropic', model, asked(false))).toMatchObject({ thinking: { type: 'disabled' } });
    expect(await sent('anthropic', model, asked(true))).toMatchObject({ thinking: { type: 'enabled' } });
  });
});

describe('the choice of tools on the wire', () => {
  const tools = [WEATHER];

  it.each([
    ['chat', 'openai/gpt-4o', 'required', { tool_choice: 'required' }],
    ['chat', 'openai/gpt-4o', 'none', { tool_choice: 'none' }],
    ['responses', 'openai/gpt-4o', 'required', { tool_choice: 'required' }],
    ['chat', 'local/llama', 'required', { tool_choice: 'required' }],
    ['anthropic', 'anthropic/claude-sonnet-4-5', 'required', { tool_choice: { type: 'any' } }],
    ['anthropic', 'anthropic/claude-sonnet-4-5', 'auto', { tool_choice: { type: 'auto' } }],
    [
      'google',
      'google/gemini-2.5-flash',
      'required',
      { toolConfig: { functionCallingConfig: { mode: 'ANY' } } },
    ],
    [
      'google',
      'google/gemini-2.5-flash',
      'none',
      { toolConfig: { functionCallingConfig: { mode: 'NONE' } } },
    ],
  ] as const)('%s of %s: %s', async (wire, model, toolChoice, body) => {
    expect(await sent(wire, model, { tools, toolChoice })).toMatchObject(body);
  });

  it('names the tool that must be called', async () => {
    const toolChoice = { tool: 'get_weather' };
    expect(await sent('chat', 'openai/gpt-4o', { tools, toolChoice })).toMatchObject({
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    });
    expect(await sent('responses', 'openai/gpt-4o', { tools, toolChoice })).toMatchObject({
      tool_choice: { type: 'function', name: 'get_weather' },
    });
    expect(
      await sent('anthropic', 'anthropic/claude-sonnet-4-5', {
        tools,
        toolChoice,
        settings: { reasoning: true },
      }),
    ).toMatchObject({ tool_choice: { type: 'tool', name: 'get_weather' }, thinking: { type: 'disabled' } });
  });

  it('is not sent without tools', async () => {
    expect(await sent('chat', 'openai/gpt-4o', { toolChoice: 'required' })).not.toHaveProperty('tool_choice');
  });

  it('says whether several calls may be asked for at once', async () => {
    const parallelToolCalls = false;
    expect(await sent('chat', 'openai/gpt-4o', { tools, parallelToolCalls })).toMatchObject({
      parallel_tool_calls: false,
    });
    expect(await sent('responses', 'openai/gpt-4o', { tools, parallelToolCalls })).toMatchObject({
      parallel_tool_calls: false,
    });
    expect(await sent('chat', 'local/llama', { tools, parallelToolCalls })).toMatchObject({
      parallel_tool_calls: false,
    });
    expect(
      await sent('anthropic', 'anthropic/claude-sonnet-4-5', { tools, parallelToolCalls }),
    ).toMatchObject({ tool_choice: { type: 'auto', disable_parallel_tool_use: true } });
  });
});
