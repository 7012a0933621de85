import type { Part, TranscriptMessage } from '@fermata/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assistantMessage,
  call,
  modelRequest,
  systemMessage,
  userMessage,
  WEATHER,
} from './model-request.fixture.ts';
import { createModels, type Models } from './models.ts';
import { providerPrompt } from './provider-messages.ts';
import {
  anthropicFrames,
  chatFrames,
  responsesFrames,
  sse,
  startProviderServer,
  type ProviderServer,
} from './provider-server.fixture.ts';
import { encodeSignature } from './reasoning-signature.ts';

const KEY = 'sk-test-abcdefghijklmnop';
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

function modelsAt(url: string, api: 'chat' | 'responses'): Models {
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
async function sent(
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

const parallel: TranscriptMessage[] = [
  userMessage('Weather in Oslo and Rome? And send the mail.'),
  assistantMessage('I look.', [
    call('call_a', 'get_weather', { city: 'Oslo' }, { output: { celsius: 3 } }),
    call(
      'call_b',
      'get_weather',
      { city: 'Rome' },
      { state: 'denied', output: null, error: { code: 'denied', message: 'too far south' } },
    ),
    call(
      'call_c',
      'send_mail',
      { to: 'a@example.com', body: 'hi' },
      { editedArgs: { to: 'b@example.com', body: 'hi' }, approved: true, output: 'sent' },
    ),
    call(
      'call_d',
      'send_mail',
      { to: 'x' },
      { state: 'failed', output: null, error: { code: 'http_500', message: 'oops' } },
    ),
  ]),
  userMessage('hurry up'),
  userMessage('please'),
];

const RESULTS = {
  call_a: '{"celsius":3}',
  call_b: 'too far south',
  call_c: '/to: "a@example.com" → "b@example.com"',
  call_d: 'http_500',
};

describe('a transcript with parallel calls, a denied one, an edited one and messages in between', () => {
  it('goes to OpenAI chat with every result in order directly after its message', async () => {
    const body = await sent('chat', parallel);
    const messages = body['messages'] as {
      role: string;
      tool_call_id?: string;
      content: unknown;
      tool_calls?: { id: string }[];
    }[];
    expect(messages.map((message) => message.role)).toEqual([
      'user',
      'assistant',
      'tool',
      'tool',
      'tool',
      'tool',
      'user',
      'user',
    ]);
    const ids = Object.keys(RESULTS);
    expect(messages[1]?.tool_calls?.map((entry) => entry.id)).toEqual(ids);
    expect(messages.slice(2, 6).map((message) => message.tool_call_id)).toEqual(ids);
    Object.values(RESULTS).forEach((text, index) => expect(messages[index + 2]?.content).toContain(text));
    expect(JSON.stringify(messages.slice(6))).toContain('hurry up');
  });

  it('goes to OpenAI responses with every output in order directly after the calls', async () => {
    const body = await sent('responses', parallel);
    const input = body['input'] as { role?: string; type?: string; call_id?: string; output?: unknown }[];
    expect(input.map((item) => item.type ?? item.role)).toEqual([
      'user',
      'assistant',
      ...Array<string>(4).fill('function_call'),
      ...Array<string>(4).fill('function_call_output'),
      'user',
      'user',
    ]);
    expect(input.slice(6, 10).map((item) => item.call_id)).toEqual(Object.keys(RESULTS));
    Object.values(RESULTS).forEach((text, index) => expect(input[index + 6]?.output).toContain(text));
    expect(body['store']).toBe(false);
  });

  it('goes to Anthropic with every result in order first in the next message', async () => {
    const body = await sent('anthropic', parallel);
    const messages = body['messages'] as {
      role: string;
      content: { type: string; id?: string; tool_use_id?: string; is_error?: boolean; content?: unknown }[];
    }[];
    expect(messages.map((message) => message.role)).toEqual(['user', 'assistant', 'user']);
    const ids = Object.keys(RESULTS);
    expect(
      messages[1]?.content.filter((block) => block.type === 'tool_use').map((block) => block.id),
    ).toEqual(ids);
    const last = messages[2]?.content ?? [];
    expect(last.map((block) => block.type)).toEqual([
      ...Array<string>(4).fill('tool_result'),
      'text',
      'text',
    ]);
    expect(last.slice(0, 4).map((block) => block.tool_use_id)).toEqual(ids);
    expect(last.slice(0, 4).map((block) => block.is_error === true)).toEqual([false, true, false, true]);
    Object.values(RESULTS).forEach((text, index) =>
      expect(JSON.stringify(last[index]?.content)).toContain(JSON.stringify(text).slice(1, -1)),
    );
  });

  it('shows the call as the model made it, and says what it was executed with', async () => {
    const body = JSON.stringify(await sent('chat', parallel));
    expect(body).toContain(JSON.stringify('{"to":"a@example.com","body":"hi"}').slice(1, -1));
    expect(body).toContain('the approver changed the arguments');
  });
});

describe('a prompt', () => {
  const options = { provider: 'anthropic', loadBlob: () => Promise.reject(new Error('none')) };

  it('begins with a user message and never ends with the assistant’s', async () => {
    const { messages } = await providerPrompt([assistantMessage('I was here first.')], options);
    expect(messages.map((message) => message.role)).toEqual(['user', 'assistant', 'user']);
  });

  it('is never empty', async () => {
    expect((await providerPrompt([], options)).messages).toHaveLength(1);
    expect((await providerPrompt([userMessage(''), assistantMessage(' ')], options)).messages).toHaveLength(
      1,
    );
  });

  it('takes system messages at the beginning into the instructions and shows later ones in their place', async () => {
    const prompt = await providerPrompt(
      [systemMessage('Be kind.'), userMessage('hi'), systemMessage('Be quick.'), userMessage('well?')],
      options,
    );
    expect(prompt.system).toEqual(['Be kind.']);
    expect(prompt.messages.map((message) => message.role)).toEqual(['user', 'user', 'user']);
    expect(JSON.stringify(prompt.messages[1])).toContain('Be quick.');
  });

  it('replaces ids that are missing, not unique or not of a form that every provider takes', async () => {
    const { messages } = await providerPrompt(
      [
        userMessage('go'),
        assistantMessage('', [
          call('same', 't', {}, { callId: 'call_1' }),
          call('same', 't', {}, { callId: 'call_2' }),
          call('x', 't', {}, { callId: 'call_3', providerCallId: null }),
          call('not valid!', 't', {}, { callId: 'call_4' }),
          call('a'.repeat(64), 't', {}, { callId: 'call_5' }),
        ]),
      ],
      options,
    );
    const content = messages[1]?.content;
    const ids = Array.isArray(content)
      ? content.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []))
      : [];
    expect(ids).toEqual(['call_1', 'call_2', 'call_3', 'call_4', 'call_5']);
  });

  it('keeps the invariants for every transcript', async () => {
    const state = fc.constantFrom(
      'ready',
      'running',
      'waiting',
      'in_doubt',
      'completed',
      'failed',
      'denied',
    ) as fc.Arbitrary<TranscriptMessage['calls'][number]['state']>;
    const anyCall = fc.record({
      id: fc.string({ maxLength: 4 }),
      args: fc.jsonValue(),
      state,
      output: fc.jsonValue(),
    });
    const message = fc.oneof(
      fc.string({ maxLength: 5 }).map((text) => userMessage(text)),
      fc.string({ maxLength: 5 }).map((text) => systemMessage(text)),
      fc.tuple(fc.string({ maxLength: 5 }), fc.array(anyCall, { maxLength: 3 })).map(([text, calls]) =>
        assistantMessage(
          text,
          calls.map((entry) =>
            call(entry.id, entry.id, entry.args as never, {
              state: entry.state,
              output: entry.output as never,
            }),
          ),
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 8 }), async (transcript) => {
        const { messages } = await providerPrompt(transcript, options);
        expect(messages[0]?.role).toBe('user');
        expect(messages.at(-1)?.role).not.toBe('assistant');
        const seen = new Set<string>();
        messages.forEach((entry, index) => {
          expect(entry.content.length).toBeGreaterThan(0);
          if (entry.role !== 'assistant' || typeof entry.content === 'string') return;
          const ids = entry.content.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []));
          const next = messages[index + 1];
          const results =
            next?.role === 'tool'
              ? next.content.flatMap((part) => (part.type === 'tool-result' ? [part.toolCallId] : []))
              : [];
          expect(results).toEqual(ids);
          for (const id of ids) {
            expect(id).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
            expect(seen.has(id)).toBe(false);
            seen.add(id);
          }
        });
      }),
    );
  });
});

describe('a transcript whose tools are gone', () => {
  it('still declares them to Anthropic, which insists', async () => {
    const body = await sent('anthropic', parallel.slice(0, 2), { tools: [] });
    const tools = body['tools'] as { name: string }[];
    expect(tools.map((tool) => tool.name).sort()).toEqual(['get_weather', 'send_mail']);
  });
});

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
    const body = await sent('anthropic', [userMessage(parts)], more);
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
    const body = await sent('chat', [userMessage(parts)], more);
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
    expect(JSON.stringify(await sent('chat', messages))).not.toContain('secret thought');
    expect(JSON.stringify(await sent('anthropic', messages))).toContain('secret thought');
  });

  it('with a forged or foreign signature is left out', async () => {
    const thought: Part = { type: 'reasoning', text: 'secret thought', signature: '{not json' };
    const messages = [
      userMessage('a'),
      assistantMessage([thought, { type: 'text', text: 'b' }]),
      userMessage('c'),
    ];
    expect(JSON.stringify(await sent('anthropic', messages))).not.toContain('secret thought');
  });
});
