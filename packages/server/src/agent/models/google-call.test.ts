import type { Part } from '@fermata/protocol';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createGuardedFetch } from '../../outgoing/guarded-fetch.ts';
import { assistantMessage, call, modelRequest, userMessage, WEATHER } from './model-request.fixture.ts';
import { createModels, type Models } from './models.ts';
import { sse, startProviderServer, status, type Reply } from './provider-server.fixture.ts';

const KEY = 'AIzaSyTest-abcdefghijklmnopqrstu';

function modelsAt(url: string, allow: string[] = []): Models {
  return createModels({
    providers: { google: { apiKey: KEY, baseUrl: `${url}/v1beta` }, compatible: {} },
    aliases: {},
    unknownModel: 'fail',
    defaultModel: 'script/echo',
    stallMs: 5_000,
    download: createGuardedFetch({ allow, maxBytes: 10_000, timeoutMs: 2_000 }),
  });
}

function geminiFrames(parts: object[], finishReason?: string): Reply {
  const usageMetadata = { promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 };
  const content = { role: 'model', parts };
  return sse([
    {
      candidates: [{ index: 0, content, ...(finishReason === undefined ? {} : { finishReason }) }],
      usageMetadata,
    },
  ]);
}

describe('a call of Google', () => {
  it('streams text and reports the usage', async () => {
    await using server = await startProviderServer(geminiFrames([{ text: 'Hello' }], 'STOP'));
    const outcome = await modelsAt(server.url).call(modelRequest('gemini-x').request);
    expect(outcome).toMatchObject({
      ok: true,
      parts: [{ type: 'text', text: 'Hello' }],
      finishReason: 'stop',
      usage: { inputTokens: 11, outputTokens: 7 },
    });
  });

  it('sends a call back with the signature that it came with, after parking', async () => {
    const functionCall = { name: 'get_weather', args: { city: 'Oslo' } };
    await using server = await startProviderServer(
      geminiFrames([{ functionCall, thoughtSignature: 'c2lnbmVk' }], 'STOP'),
      geminiFrames([{ text: 'ok' }], 'STOP'),
    );
    const models = modelsAt(server.url);
    const first = await models.call(modelRequest('google/gemini-x', { tools: [WEATHER] }).request);
    if (!first.ok) throw new Error(JSON.stringify(first.failure));
    expect(first.toolCalls).toMatchObject([{ tool: 'get_weather', args: { city: 'Oslo' } }]);
    const parts = JSON.parse(JSON.stringify(first.parts)) as Part[];
    const made = call(first.toolCalls[0]?.providerCallId ?? '', 'get_weather', { city: 'Oslo' });
    const messages = [userMessage('weather?'), assistantMessage(parts, [made])];
    await models.call(modelRequest('google/gemini-x', { tools: [WEATHER], messages }).request);
    const sent = JSON.stringify(server.seen[1]?.body['contents']);
    expect(sent).toContain('"thoughtSignature":"c2lnbmVk"');
    expect(sent).toContain('functionResponse');
  });

  it('may try again after a cut stream and 503, and not after 400; the key is never shown', async () => {
    await using server = await startProviderServer(
      geminiFrames([{ text: 'Hel' }]),
      status(503, { error: { code: 503, message: 'overloaded', status: 'UNAVAILABLE' } }),
      status(400, { error: { code: 400, message: `API key not valid: ${KEY}`, status: 'INVALID_ARGUMENT' } }),
    );
    const models = modelsAt(server.url);
    expect(await models.call(modelRequest('gemini-x').request)).toMatchObject({
      failure: { kind: 'retryable' },
    });
    expect(await models.call(modelRequest('gemini-x').request)).toMatchObject({
      failure: { kind: 'retryable' },
    });
    const refused = await models.call(modelRequest('gemini-x').request);
    expect(refused).toMatchObject({ failure: { kind: 'terminal', status: 400 } });
    expect(JSON.stringify(refused)).not.toContain(KEY);
  });

  it('fetches an image for it through the guard, since it does not itself', async () => {
    await using server = await startProviderServer(geminiFrames([{ text: 'a cat' }], 'STOP'));
    const images = createServer((_request, response) => {
      response.setHeader('content-type', 'image/png').end(Buffer.from([1, 2, 3]));
    });
    images.listen(0, '127.0.0.1');
    await once(images, 'listening');
    try {
      const address = images.address();
      const port = address === null || typeof address === 'string' ? 0 : address.port;
      const messages = [userMessage([{ type: 'image', url: `http://127.0.0.1:${port}/cat.png` }])];
      const allowed = await modelsAt(server.url, ['127.0.0.1']).call(
        modelRequest('gemini-x', { messages }).request,
      );
      expect(allowed).toMatchObject({ ok: true });
      expect(JSON.stringify(server.seen[0]?.body['contents'])).toContain('"data":"AQID"');
      const blocked = await modelsAt(server.url).call(modelRequest('gemini-x', { messages }).request);
      expect(blocked).toMatchObject({ ok: false, failure: { kind: 'terminal' } });
      expect(server.seen).toHaveLength(1);
    } finally {
      images.closeAllConnections();
      images.close();
    }
  });
});
