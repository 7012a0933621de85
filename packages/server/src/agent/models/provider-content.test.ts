import type { Part } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { assistantMessage, call, modelRequest, userMessage, WEATHER } from './model-request.fixture.ts';
import { anthropicFrames, responsesFrames, sse, startProviderServer } from './provider-server.fixture.ts';
import { encodeSignature } from './reasoning-signature.ts';
import { modelsAt, sentPrompt } from './sent-prompt.fixture.ts';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('images and files', () => {
  const digest = 'a'.repeat(64);
  const parts: Part[] = [
    { type: 'text', text: 'look' },
    { type: 'image', url: `blob:sha256-${digest}` },
    { type: 'image', url: `data:image/png;base64,${PNG.toString('base64')}` },
    { type: 'image', url: 'https://example.com/cat.png' },
    { type: 'file', url: 'data:text/csv,a%2Cb%0A1%2C2', name: 'table.csv' },
    { type: 'file', url: 'data:application/zip;base64,AAAA', name: 'all.zip' },
    { type: 'image', url: 'javascript:alert(1)' },
  ];
  const loaded: string[] = [];
  const more = {
    loadBlob: (url: string) => {
      loaded.push(url);
      return Promise.resolve({ bytes: new Uint8Array(PNG), mediaType: 'image/png' });
    },
  };

  it('go to Anthropic as base64, http(s) ones as URLs, text written out, the rest named', async () => {
    const body = await sentPrompt('anthropic', [userMessage(parts)], more);
    const content =
      (
        body['messages'] as {
          content: { type: string; source?: { type: string; data?: string; url?: string }; text?: string }[];
        }[]
      )[0]?.content ?? [];
    expect(content.map((block) => block.source?.type ?? block.type)).toEqual([
      'text',
      'base64',
      'base64',
      'url',
      'text',
      'text',
      'text',
    ]);
    expect(content[1]?.source?.data).toBe(PNG.toString('base64'));
    expect(content[3]?.source?.url).toBe('https://example.com/cat.png');
    expect(content[4]?.text).toContain('a,b\n1,2');
    expect(content[5]?.text).toContain('"all.zip"');
    expect(loaded).toEqual([`blob:sha256-${digest}`]);
  });

  it('go to OpenAI as data URIs and URLs', async () => {
    const body = await sentPrompt('chat', [userMessage(parts)], more);
    const content =
      (body['messages'] as { content: { type: string; image_url?: { url: string } }[] }[])[0]?.content ?? [];
    const urls = content.flatMap((part) => (part.image_url === undefined ? [] : [part.image_url.url]));
    expect(urls).toEqual([
      `data:image/png;base64,${PNG.toString('base64')}`,
      `data:image/png;base64,${PNG.toString('base64')}`,
      'https://example.com/cat.png',
    ]);
  });

  it('that cannot be loaded make a failure that may be tried again', async () => {
    const models = modelsAt('http://127.0.0.1:9', 'chat');
    const { request } = modelRequest('openai/m', { messages: [userMessage(parts)] });
    expect(await models.call(request)).toMatchObject({ ok: false, failure: { kind: 'retryable' } });
  });
});

describe('what a model thought', () => {
  it('comes back signed from Anthropic and is sent back as it was, after parking', async () => {
    await using server = await startProviderServer(
      sse(
        anthropicFrames(
          [
            { type: 'thinking', deltas: ['Let me ', 'think.'], signature: 'c2lnbmVk' },
            { type: 'text', deltas: ['I look.'] },
            { type: 'tool_use', id: 'toolu_1', name: 'get_weather', deltas: ['{"city":"Oslo"}'] },
          ],
          'tool_use',
        ),
      ),
      sse(anthropicFrames([{ type: 'text', deltas: ['ok'] }])),
    );
    const models = modelsAt(server.url, 'chat');
    const first = await models.call(modelRequest('anthropic/claude-x', { tools: [WEATHER] }).request);
    if (!first.ok) throw new Error('failed');
    expect(first.parts[0]).toMatchObject({ type: 'reasoning', text: 'Let me think.' });
    const stored = JSON.parse(JSON.stringify(first.parts)) as Part[];
    const messages = [
      userMessage('weather?'),
      assistantMessage(stored, [call('toolu_1', 'get_weather', { city: 'Oslo' })]),
    ];
    await models.call(modelRequest('anthropic/claude-x', { tools: [WEATHER], messages }).request);
    const content = (server.seen[1]?.body['messages'] as { content: object[] }[])[1]?.content;
    expect(content?.[0]).toMatchObject({
      type: 'thinking',
      thinking: 'Let me think.',
      signature: 'c2lnbmVk',
    });
    expect(content?.map((block) => (block as { type: string }).type)).toEqual([
      'thinking',
      'text',
      'tool_use',
    ]);
  });

  it('comes back encrypted from OpenAI and is sent back before the call that it led to', async () => {
    const reasoning = { type: 'reasoning', id: 'rs_1', encrypted_content: 'ZW5jcnlwdGVk', summary: [] };
    const item = {
      type: 'function_call',
      id: 'fc_1',
      call_id: 'call_a',
      name: 'get_weather',
      arguments: '{}',
    };
    const frames: [string, object][] = [
      ['response.created', { response: { id: 'resp_1', created_at: 1, model: 'o3' } }],
      ['response.output_item.added', { output_index: 0, item: { ...reasoning, encrypted_content: null } }],
      ['response.output_item.done', { output_index: 0, item: reasoning }],
      ['response.output_item.added', { output_index: 1, item: { ...item, arguments: '' } }],
      ['response.output_item.done', { output_index: 1, item: { ...item, status: 'completed' } }],
      ['response.completed', { response: { usage: { input_tokens: 1, output_tokens: 1 } } }],
    ];
    await using server = await startProviderServer(
      sse(frames.map(([type, data]) => [type, { type, ...data }])),
      sse(responsesFrames(['ok'], [])),
    );
    const models = modelsAt(server.url, 'responses');
    const first = await models.call(modelRequest('openai/o3', { tools: [WEATHER] }).request);
    if (!first.ok) throw new Error(JSON.stringify(first.failure));
    const stored = JSON.parse(JSON.stringify(first.parts)) as Part[];
    const messages = [userMessage('weather?'), assistantMessage(stored, [call('call_a', 'get_weather', {})])];
    await models.call(modelRequest('openai/o3', { tools: [WEATHER], messages }).request);
    const input = server.seen[1]?.body['input'] as {
      type?: string;
      role?: string;
      encrypted_content?: string;
    }[];
    expect(input.map((entry) => entry.type ?? entry.role)).toEqual([
      'user',
      'reasoning',
      'function_call',
      'function_call_output',
    ]);
    expect(input[1]?.encrypted_content).toBe('ZW5jcnlwdGVk');
  });

  it('is not sent to another provider', async () => {
    const signature = encodeSignature({ provider: 'anthropic', data: { signature: 'c2lnbmVk' } });
    const messages = [
      userMessage('a'),
      assistantMessage([
        { type: 'reasoning', text: 'secret thought', signature },
        { type: 'text', text: 'b' },
      ]),
      userMessage('c'),
    ];
    expect(JSON.stringify(await sentPrompt('chat', messages))).not.toContain('secret thought');
    expect(JSON.stringify(await sentPrompt('anthropic', messages))).toContain('secret thought');
  });

  it('with a forged or foreign signature is left out', async () => {
    const thought: Part = { type: 'reasoning', text: 'secret thought', signature: '{not json' };
    const messages = [
      userMessage('a'),
      assistantMessage([thought, { type: 'text', text: 'b' }]),
      userMessage('c'),
    ];
    expect(JSON.stringify(await sentPrompt('anthropic', messages))).not.toContain('secret thought');
  });
});
