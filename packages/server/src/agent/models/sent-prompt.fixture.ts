import type { TranscriptMessage } from '@fermata/protocol';
import { modelRequest, WEATHER } from './model-request.fixture.ts';
import { createModels, type Models } from './models.ts';
import {
  anthropicFrames,
  chatFrames,
  responsesFrames,
  sse,
  startProviderServer,
  type ProviderServer,
} from './provider-server.fixture.ts';

const KEY = 'sk-test-abcdefghijklmnop';
/** Models whose OpenAI and Anthropic are at one address. */
export function modelsAt(url: string, api: 'chat' | 'responses'): Models {
  return createModels({
    providers: {
      openai: { apiKey: KEY, baseUrl: `${url}/v1`, api },
      anthropic: { apiKey: KEY, baseUrl: `${url}/v1` },
      compatible: {},
    },
    aliases: {},
    unknownModel: 'fail',
    defaultModel: 'script/echo',
    stallMs: 5_000,
  });
}

/** What the provider is sent for a transcript. */
export async function sentPrompt(
  wire: 'chat' | 'responses' | 'anthropic',
  messages: TranscriptMessage[],
  more: Parameters<typeof modelRequest>[1] = {},
): Promise<Record<string, unknown>> {
  const frames = {
    chat: chatFrames([{ content: 'ok' }]),
    responses: responsesFrames(['ok'], []),
    anthropic: anthropicFrames([{ type: 'text', deltas: ['ok'] }]),
  };
  await using server: ProviderServer = await startProviderServer(sse(frames[wire]));
  const model = wire === 'anthropic' ? 'anthropic/claude-x' : 'openai/gpt-x';
  const models = modelsAt(server.url, wire === 'responses' ? 'responses' : 'chat');
  const outcome = await models.call(modelRequest(model, { messages, tools: [WEATHER], ...more }).request);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure));
  return server.seen[0]?.body ?? {};
}
