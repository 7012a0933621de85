import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelRequest, userMessage, WEATHER } from './model-request.fixture.ts';
import { createModels } from './models.ts';

const mock = new LLMock({ port: 0 });

beforeAll(async () => {
  mock.onMessage('greet me', { content: 'Hello from the other side, with some words to stream.' });
  mock.onMessage('weather', { toolCalls: [{ name: 'get_weather', arguments: '{"city":"Oslo"}' }] });
  await mock.start();
});
afterAll(() => mock.stop());

/** An implementation of the wires that is not ours, so that our own fixtures cannot agree with our own mistakes. */
describe.each([
  ['OpenAI chat completions', 'openai/gpt-4o', 'chat'],
  ['OpenAI responses', 'openai/gpt-4o', 'responses'],
  ['Anthropic messages', 'anthropic/claude-sonnet-4-5', undefined],
  ['Google', 'google/gemini-2.5-flash', undefined],
  ['an OpenAI-compatible server', 'local/llama', undefined],
] as const)('%s, as others implement it', (_name, model, api) => {
  function call(text: string): ReturnType<ReturnType<typeof createModels>['call']> {
    const models = createModels({
      providers: {
        openai: { apiKey: 'mock-key', baseUrl: `${mock.url}/v1`, api },
        anthropic: { apiKey: 'mock-key', baseUrl: `${mock.url}/v1` },
        google: { apiKey: 'mock-key', baseUrl: `${mock.url}/v1beta` },
        compatible: { local: { baseUrl: `${mock.url}/v1` } },
      },
      aliases: {},
      unknownModel: 'fail',
      defaultModel: 'script/echo',
      stallMs: 5_000,
    });
    return models.call(modelRequest(model, { messages: [userMessage(text)], tools: [WEATHER] }).request);
  }

  it('streams a text', async () => {
    expect(await call('greet me')).toMatchObject({
      ok: true,
      parts: [{ type: 'text', text: 'Hello from the other side, with some words to stream.' }],
      finishReason: 'stop',
    });
  });

  it('calls a tool', async () => {
    expect(await call('weather')).toMatchObject({
      ok: true,
      toolCalls: [{ tool: 'get_weather', args: { city: 'Oslo' } }],
      finishReason: 'tool-calls',
    });
  });
});
