import { describe, expect, it } from 'vitest';
import { createModels, type Models } from './models.ts';
import { modelRequest, WEATHER } from './model-request.fixture.ts';
import type { ModelAnswer, ModelOutcome } from './model-request.ts';
import {
  anthropicFrames,
  chatCall,
  chatFrames,
  responsesFrames,
  sse,
  startProviderServer,
  status,
  type Reply,
} from './provider-server.fixture.ts';

const KEY = 'sk-test-abcdefghijklmnop';

function modelsAt(url: string, stallMs = 5_000): Models {
  return createModels({
    providers: {
      openai: { apiKey: KEY, baseUrl: `${url}/v1`, api: 'chat' },
      anthropic: { apiKey: KEY, baseUrl: `${url}/v1` },
      google: { apiKey: KEY, baseUrl: `${url}/v1beta` },
      compatible: { local: { baseUrl: `${url}/v1` } },
    },
    aliases: {},
    unknownModel: 'fail',
    defaultModel: 'script/echo',
    stallMs,
  });
}

function responsesAt(url: string): Models {
  return createModels({
    providers: { openai: { apiKey: KEY, baseUrl: `${url}/v1`, api: 'responses' }, compatible: {} },
    aliases: {},
    unknownModel: 'fail',
    defaultModel: 'script/echo',
    stallMs: 5_000,
  });
}

function answer(outcome: ModelOutcome): ModelAnswer {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure));
  return outcome;
}

const WEATHER_ARGS = ['{"city":', '"Oslo"}'];

interface Wire {
  name: string;
  model: string;
  models(url: string): Models;
  text: Reply;
  calls: Reply;
  brokenArgs: Reply;
  unknownTool: Reply;
  /** Some text, and then no end. */
  begun: [frames: readonly unknown[], text: string];
}

const wires: Wire[] = [
  {
    name: 'OpenAI chat completions',
    model: 'openai/gpt-x',
    models: modelsAt,
    text: sse(chatFrames([{ role: 'assistant', content: 'Hel' }, { content: 'lo' }])),
    calls: sse(
      chatFrames(
        [
          { role: 'assistant', content: 'Let me look.' },
          chatCall(0, 'call_a', 'get_weather', ''),
          { tool_calls: [{ index: 0, function: { arguments: WEATHER_ARGS[0] } }] },
          { tool_calls: [{ index: 0, function: { arguments: WEATHER_ARGS[1] } }] },
          chatCall(1, 'call_b', 'get_weather', '{"city":"Rome"}'),
        ],
        'tool_calls',
      ),
    ),
    brokenArgs: sse(chatFrames([chatCall(0, 'call_a', 'get_weather', '{"city": "Os')], 'tool_calls')),
    unknownTool: sse(chatFrames([chatCall(0, 'call_a', 'launch', '{"now":true}')], 'tool_calls')),
    begun: [chatFrames([{ role: 'assistant', content: 'Hel' }], null), 'Hel'],
  },
  {
    name: 'OpenAI responses',
    model: 'openai/gpt-x',
    models: responsesAt,
    text: sse(responsesFrames(['Hel', 'lo'], [])),
    calls: sse(
      responsesFrames(
        ['Let me look.'],
        [
          { id: 'call_a', name: 'get_weather', args: WEATHER_ARGS.join('') },
          { id: 'call_b', name: 'get_weather', args: '{"city":"Rome"}' },
        ],
      ),
    ),
    brokenArgs: sse(responsesFrames([], [{ id: 'call_a', name: 'get_weather', args: '{"city": "Os' }])),
    unknownTool: sse(responsesFrames([], [{ id: 'call_a', name: 'launch', args: '{"now":true}' }])),
    begun: [responsesFrames(['Hel'], [], false), 'Hel'],
  },
  {
    name: 'Anthropic messages',
    model: 'anthropic/claude-x',
    models: modelsAt,
    text: sse(anthropicFrames([{ type: 'text', deltas: ['Hel', 'lo'] }])),
    calls: sse(
      anthropicFrames(
        [
          { type: 'text', deltas: ['Let me look.'] },
          { type: 'tool_use', id: 'call_a', name: 'get_weather', deltas: WEATHER_ARGS },
          { type: 'tool_use', id: 'call_b', name: 'get_weather', deltas: ['{"city":"Rome"}'] },
        ],
        'tool_use',
      ),
    ),
    brokenArgs: sse(
      anthropicFrames(
        [{ type: 'tool_use', id: 'call_a', name: 'get_weather', deltas: ['{"city": "Os'] }],
        'max_tokens',
      ),
    ),
    unknownTool: sse(
      anthropicFrames(
        [{ type: 'tool_use', id: 'call_a', name: 'launch', deltas: ['{"now":true}'] }],
        'tool_use',
      ),
    ),
    begun: [anthropicFrames([{ type: 'text', deltas: ['Hel'] }], null), 'Hel'],
  },
];

describe.each(wires)('a call over $name', (wire) => {
  it('streams text and reports the usage', async () => {
    await using server = await startProviderServer(wire.text);
    const { request, deltas } = modelRequest(wire.model, { instructions: 'Be brief.' });
    const outcome = answer(await wire.models(server.url).call(request));
    expect(outcome.parts).toEqual([{ type: 'text', text: 'Hello' }]);
    expect(outcome).toMatchObject({
      finishReason: 'stop',
      toolCalls: [],
      usage: { inputTokens: 11, outputTokens: 7 },
    });
    expect(deltas).toEqual([
      { part: 0, channel: 'text', text: 'Hel' },
      { part: 0, channel: 'text', text: 'lo' },
    ]);
    expect(JSON.stringify(server.seen[0]?.body)).toContain('Be brief.');
  });

  it('returns parallel tool calls with their arguments and streams them', async () => {
    await using server = await startProviderServer(wire.calls);
    const { request, deltas } = modelRequest(wire.model, { tools: [WEATHER] });
    const outcome = answer(await wire.models(server.url).call(request));
    expect(outcome.toolCalls).toEqual([
      { providerCallId: 'call_a', tool: 'get_weather', args: { city: 'Oslo' } },
      { providerCallId: 'call_b', tool: 'get_weather', args: { city: 'Rome' } },
    ]);
    expect(outcome.finishReason).toBe('tool-calls');
    const inputs = deltas.filter((delta) => delta.channel === 'tool_input');
    expect(
      inputs
        .filter((delta) => delta.part === 1)
        .map((delta) => delta.text)
        .join(''),
    ).toBe('{"city":"Oslo"}');
    expect(
      inputs
        .filter((delta) => delta.part === 2)
        .map((delta) => delta.text)
        .join(''),
    ).toBe('{"city":"Rome"}');
  });

  it('sends the tools with their schemas', async () => {
    await using server = await startProviderServer(wire.text);
    await wire.models(server.url).call(modelRequest(wire.model, { tools: [WEATHER] }).request);
    const sent = JSON.stringify(server.seen[0]?.body['tools']);
    expect(sent).toContain('"get_weather"');
    expect(sent).toContain('"city"');
  });

  it('returns a call whose arguments are no JSON as invalid, with the raw text', async () => {
    await using server = await startProviderServer(wire.brokenArgs);
    const outcome = answer(
      await wire.models(server.url).call(modelRequest(wire.model, { tools: [WEATHER] }).request),
    );
    expect(outcome.toolCalls).toMatchObject([
      { tool: 'get_weather', args: '{"city": "Os', invalid: expect.stringContaining('not valid JSON') },
    ]);
  });

  it('returns a call of an unknown tool as invalid, and names the known ones', async () => {
    await using server = await startProviderServer(wire.unknownTool);
    const outcome = answer(
      await wire.models(server.url).call(modelRequest(wire.model, { tools: [WEATHER] }).request),
    );
    expect(outcome.toolCalls).toMatchObject([
      { tool: 'launch', args: { now: true }, invalid: expect.stringContaining('get_weather') },
    ]);
  });

  it('makes one attempt, and may try again after 429 when the provider says', async () => {
    await using server = await startProviderServer(
      status(429, { error: { message: 'Slow down', type: 'rate_limit_error' } }, { 'retry-after': '3' }),
    );
    const outcome = await wire.models(server.url).call(modelRequest(wire.model).request);
    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'retryable', afterMs: 3000, status: 429 } });
    expect(server.seen).toHaveLength(1);
  });

  it('may try again after 500, and not after 401; the key is never shown', async () => {
    await using server = await startProviderServer(
      status(500, { error: { message: 'oops', type: 'api_error' } }),
      status(401, { error: { message: `Incorrect API key provided: ${KEY}`, type: 'authentication_error' } }),
    );
    const models = wire.models(server.url);
    expect(await models.call(modelRequest(wire.model).request)).toMatchObject({
      ok: false,
      failure: { kind: 'retryable', status: 500 },
    });
    const refused = await models.call(modelRequest(wire.model).request);
    expect(refused).toMatchObject({ ok: false, failure: { kind: 'terminal', status: 401 } });
    expect(JSON.stringify(refused)).not.toContain(KEY);
    expect(server.seen).toHaveLength(2);
  });

  it.each(['end', 'cut'] as const)('may try again when the stream stops in the middle (%s)', async (end) => {
    await using server = await startProviderServer(sse(wire.begun[0], end));
    const { request, deltas } = modelRequest(wire.model);
    const outcome = await wire.models(server.url).call(request);
    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'retryable', code: 'provider_failed' } });
    expect(deltas.map((delta) => delta.text).join('')).toBe(wire.begun[1]);
  });

  it('ends soon after the signal fires, in the middle of the stream', async () => {
    await using server = await startProviderServer(sse(wire.begun[0], 'hang'));
    const controller = new AbortController();
    const { request } = modelRequest(wire.model, {
      signal: controller.signal,
      onDelta: () => controller.abort(),
    });
    expect(await wire.models(server.url).call(request)).toEqual({ ok: false, failure: { kind: 'aborted' } });
  });

  it('may try again when nothing answers', async () => {
    const server = await startProviderServer();
    await server[Symbol.asyncDispose]();
    const outcome = await wire.models(server.url).call(modelRequest(wire.model).request);
    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'retryable' } });
  });
});

describe('a provider that goes silent', () => {
  it('before its first byte is a stall, which may be tried again', async () => {
    await using server = await startProviderServer(() => undefined);
    const outcome = await modelsAt(server.url, 60).call(modelRequest('anthropic/claude-x').request);
    expect(outcome).toMatchObject({
      ok: false,
      failure: { kind: 'retryable', message: expect.stringContaining('nothing') },
    });
  });

  it('in the middle of its answer is a stall', async () => {
    await using server = await startProviderServer(sse(chatFrames([{ content: 'Hel' }], null), 'hang'));
    const outcome = await modelsAt(server.url, 60).call(modelRequest('openai/gpt-x').request);
    expect(outcome).toMatchObject({
      ok: false,
      failure: { kind: 'retryable', message: expect.stringContaining('nothing') },
    });
  });

  it('but for pings is alive for a while, and then stalled all the same', async () => {
    await using server = await startProviderServer((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const [event, data] of anthropicFrames([], null))
        response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      const timer = setInterval(() => response.write('event: ping\ndata: {"type":"ping"}\n\n'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const started = performance.now();
    const outcome = await modelsAt(server.url, 100).call(modelRequest('anthropic/claude-x').request);
    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'retryable' } });
    expect(performance.now() - started).toBeGreaterThan(400);
  });
});

describe('errors inside a stream', () => {
  it('of an overloaded Anthropic may be tried again', async () => {
    const error = ['error', { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }];
    await using server = await startProviderServer(
      sse([error]),
      sse([...anthropicFrames([{ type: 'text', deltas: ['Hel'] }], null), error]),
    );
    const models = modelsAt(server.url);
    for (let n = 0; n < 2; n += 1) {
      expect(await models.call(modelRequest('anthropic/claude-x').request)).toMatchObject({
        ok: false,
        failure: { kind: 'retryable', message: expect.stringContaining('Overloaded') },
      });
    }
  });

  it('of OpenAI are classified by their type', async () => {
    await using server = await startProviderServer(
      sse([
        ...chatFrames([{ content: 'x' }], null),
        { error: { message: 'bad', type: 'invalid_request_error', code: null } },
      ]),
      sse([
        ...chatFrames([{ content: 'x' }], null),
        { error: { message: 'oops', type: 'server_error', code: null } },
      ]),
    );
    const models = modelsAt(server.url);
    expect(await models.call(modelRequest('openai/m').request)).toMatchObject({
      failure: { kind: 'terminal' },
    });
    expect(await models.call(modelRequest('openai/m').request)).toMatchObject({
      failure: { kind: 'retryable' },
    });
  });
});

describe('a structured result', () => {
  const output = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

  it('is asked of OpenAI by a response format, and of a compatible server in words', async () => {
    await using server = await startProviderServer(sse(chatFrames([{ content: '{"city":"Oslo"}' }])));
    const models = modelsAt(server.url);
    const outcome = answer(await models.call(modelRequest('openai/gpt-x', { output }).request));
    expect(outcome.parts).toEqual([{ type: 'text', text: '{"city":"Oslo"}' }]);
    await models.call(modelRequest('local/m', { output }).request);
    expect(server.seen[0]?.body['response_format']).toMatchObject({ type: 'json_schema' });
    expect(JSON.stringify(server.seen[1]?.body['messages'])).toContain('JSON Schema');
  });
});

describe('keys', () => {
  it('of the run go before the configured ones', async () => {
    await using server = await startProviderServer(sse(chatFrames([{ content: 'x' }])));
    await modelsAt(server.url).call(
      modelRequest('openai/m', { providerKeys: { openai: 'sk-of-the-run-12345' } }).request,
    );
    expect(server.seen[0]?.headers.authorization).toBe('Bearer sk-of-the-run-12345');
  });

  it('are not needed by a compatible server', async () => {
    await using server = await startProviderServer(sse(chatFrames([{ content: 'x' }])));
    const outcome = await modelsAt(server.url).call(modelRequest('local/llama').request);
    expect(outcome.ok).toBe(true);
    expect(server.seen[0]).toMatchObject({ path: '/v1/chat/completions', body: { model: 'llama' } });
    expect(server.seen[0]?.headers.authorization).toBeUndefined();
  });
});
