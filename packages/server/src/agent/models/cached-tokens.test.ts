import { expect, it } from 'vitest';
import { modelRequest } from './model-request.fixture.ts';
import { createModels, type Models } from './models.ts';
import {
  anthropicFrames,
  chatFrames,
  responsesFrames,
  sse,
  startProviderServer,
} from './provider-server.fixture.ts';

function modelsAt(url: string, api: 'chat' | 'responses'): Models {
  const apiKey = 'k';
  return createModels({
    providers: {
      openai: { apiKey, baseUrl: `${url}/v1`, api },
      anthropic: { apiKey, baseUrl: `${url}/v1` },
      google: { apiKey, baseUrl: `${url}/v1beta` },
      compatible: {},
    },
    aliases: {},
    unknownModel: 'fail',
    defaultModel: 'script/echo',
    stallMs: 5_000,
  });
}

/** The frames with another usage in place of the fixture's. */
function withUsage(frames: unknown[], from: object, to: object): unknown[] {
  const text = JSON.stringify(frames);
  const before = JSON.stringify(from).slice(1, -1);
  if (!text.includes(before)) throw new Error(`no ${before} in ${text}`);
  return JSON.parse(text.replace(before, JSON.stringify(to).slice(1, -1))) as unknown[];
}

const GEMINI = {
  candidates: [{ index: 0, content: { role: 'model', parts: [{ text: 'x' }] }, finishReason: 'STOP' }],
  usageMetadata: {
    promptTokenCount: 11,
    cachedContentTokenCount: 8,
    candidatesTokenCount: 7,
    totalTokenCount: 18,
  },
};

// In all of them 8 of 11 tokens of the input came from the cache; Anthropic counts them beside the others.
const WIRES: [string, 'chat' | 'responses', unknown[]][] = [
  [
    'openai/gpt-x',
    'chat',
    withUsage(
      chatFrames([{ content: 'x' }]),
      { prompt_tokens: 11 },
      { prompt_tokens: 11, prompt_tokens_details: { cached_tokens: 8 } },
    ),
  ],
  [
    'openai/gpt-x',
    'responses',
    withUsage(
      responsesFrames(['x'], []),
      { input_tokens: 11 },
      { input_tokens: 11, input_tokens_details: { cached_tokens: 8 } },
    ),
  ],
  [
    'anthropic/claude-x',
    'chat',
    withUsage(
      anthropicFrames([{ type: 'text', deltas: ['x'] }]),
      { input_tokens: 11 },
      { input_tokens: 3, cache_read_input_tokens: 8, cache_creation_input_tokens: 0 },
    ),
  ],
  ['google/gemini-x', 'chat', [GEMINI]],
];

it.each(WIRES)(
  '%s over %s tells how much of the input the provider had in its cache',
  async (model, api, frames) => {
    await using server = await startProviderServer(sse(frames));
    const outcome = await modelsAt(server.url, api).call(modelRequest(model).request);
    expect(outcome).toMatchObject({ ok: true });
    if (outcome.ok) expect(outcome.usage).toEqual({ inputTokens: 11, cachedInputTokens: 8, outputTokens: 7 });
  },
);
