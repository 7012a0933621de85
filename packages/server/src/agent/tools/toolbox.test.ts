import { toolSchema, type Json, type Tool } from '@fermata/protocol';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createGuardedFetch } from '../../outgoing/guarded-fetch.ts';
import { sleepTarget } from './builtin-tools.ts';
import { afterCrashOf, type ResolvedTool } from './resolved-tool.ts';
import { createToolbox, type Toolbox, type ToolboxOptions } from './toolbox.ts';
import { jsonSize, type ToolOutcome } from './tool-outcome.ts';

const SECRET = 'very-secret-token-1234';

interface Target extends AsyncDisposable {
  url: string;
  requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
  /** Effects by idempotency key: what a careful server does once. */
  effects: Map<string, number>;
}

async function startTarget(
  handler: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<Target> {
  const requests: Target['requests'] = [];
  const effects: Target['effects'] = new Map();
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      const key = String(request.headers['idempotency-key']);
      effects.set(key, (effects.get(key) ?? 0) + 1);
      handler(request, response, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    effects,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function json(code: number, body: unknown): (request: IncomingMessage, response: ServerResponse) => void {
  return (_request, response) => {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
}

function toolboxOf(tools: unknown[], more: Partial<ToolboxOptions> = {}): Toolbox {
  return createToolbox({
    tools: tools.map((tool): Tool => toolSchema.parse(tool)),
    mcpServers: [],
    secrets: {},
    fetch: createGuardedFetch({ allow: ['127.0.0.1'], maxBytes: 50_000, timeoutMs: 5_000 }),
    defaultTimeoutMs: 5_000,
    ...more,
  });
}

async function resolved(toolbox: Toolbox): Promise<ResolvedTool[]> {
  const result = await toolbox.resolve(new AbortController().signal);
  if (!result.ok) throw new Error(JSON.stringify(result.failure));
  return result.tools;
}

async function callOne(
  tool: unknown,
  args: Json,
  signal = new AbortController().signal,
): Promise<ToolOutcome> {
  await using toolbox = toolboxOf([tool]);
  const [first] = await resolved(toolbox);
  if (first === undefined) throw new Error('no tool');
  return await toolbox.callTool({
    tool: first,
    args,
    callId: 'call_1_1_1',
    idempotencyKey: 'run:1:call_1',
    secrets: { token: SECRET },
    signal,
  });
}

function http(url: string, more: object = {}, tool: object = {}): object {
  return { type: 'http', name: 'send', http: { url, ...more }, ...tool };
}

describe('an http tool', () => {
  it('posts its arguments as JSON with the idempotency key and returns JSON', async () => {
    await using target = await startTarget(json(200, { ok: true }));
    const tool = http(`${target.url}/send`, { headers: { authorization: 'Bearer {{secrets.token}}' } });
    expect(await callOne(tool, { to: 'a', n: 1 })).toEqual({ kind: 'completed', output: { ok: true } });
    expect(target.requests).toMatchObject([
      {
        method: 'POST',
        url: '/send',
        body: '{"to":"a","n":1}',
        headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
      },
    ]);
    expect([...target.effects]).toEqual([['run:1:call_1', 1]]);
  });

  it('fills URL, query and body templates', async () => {
    await using target = await startTarget(json(200, {}));
    const tool = http(`${target.url}/users/{{user}}`, {
      method: 'PUT',
      query: { q: '{{q}}' },
      body: { text: '{{text}}', n: '{{n}}' },
    });
    await callOne(tool, { user: 'a/b', q: 'x&y', text: 'hi', n: 3 });
    expect(target.requests).toMatchObject([
      { method: 'PUT', url: '/users/a%2Fb?q=x%26y', body: '{"text":"hi","n":3}' },
    ]);
  });

  it('sends no body with GET', async () => {
    await using target = await startTarget(json(200, [1]));
    expect(await callOne(http(`${target.url}/{{x}}`, { method: 'GET' }), { x: 'y' })).toEqual({
      kind: 'completed',
      output: [1],
    });
    expect(target.requests).toMatchObject([{ method: 'GET', url: '/y', body: '' }]);
  });

  it('returns text as text, bytes as base64, and an empty answer as its status', async () => {
    await using target = await startTarget((request, response) => {
      if (request.url === '/text')
        response.setHeader('content-type', 'text/plain; charset=utf-8').end('{"not":"parsed"}');
      else if (request.url === '/bytes')
        response.setHeader('content-type', 'image/png').end(Buffer.from([1, 2]));
      else if (request.url === '/broken') response.setHeader('content-type', 'application/json').end('{oops');
      else response.writeHead(204).end();
    });
    expect(await callOne(http(`${target.url}/text`), {})).toEqual({
      kind: 'completed',
      output: '{"not":"parsed"}',
    });
    expect(await callOne(http(`${target.url}/bytes`), {})).toMatchObject({
      output: { mediaType: 'image/png', base64: 'AQI=' },
    });
    expect(await callOne(http(`${target.url}/broken`), {})).toMatchObject({ output: '{oops' });
    expect(await callOne(http(`${target.url}/none`), {})).toMatchObject({ output: { status: 204 } });
  });

  it('strikes its secrets out of results and errors', async () => {
    await using target = await startTarget((request, response) =>
      json(request.url === '/ok' ? 200 : 403, { seen: request.headers.authorization })(request, response),
    );
    const headers = { headers: { authorization: 'Bearer {{secrets.token}}' } };
    expect(JSON.stringify(await callOne(http(`${target.url}/ok`, headers), {}))).not.toContain(SECRET);
    expect(JSON.stringify(await callOne(http(`${target.url}/no`, headers), {}))).not.toContain(SECRET);
  });

  it.each([400, 404, 429, 500, 503])('fails on %i with a bounded body', async (code) => {
    await using target = await startTarget(json(code, { message: `no ${'x'.repeat(10_000)}` }));
    const outcome = await callOne(http(target.url), {});
    expect(outcome).toMatchObject({
      kind: 'failed',
      error: { code: `http_${code}`, message: expect.stringContaining('no x') },
    });
    expect(JSON.stringify(outcome).length).toBeLessThan(3_000);
  });

  it.each([502, 504])('is in doubt on %i: the server behind the gateway may have acted', async (code) => {
    await using target = await startTarget(json(code, {}));
    expect(await callOne(http(target.url), {})).toMatchObject({ kind: 'in_doubt', cause: 'bad_gateway' });
    expect(target.effects.get('run:1:call_1')).toBe(1);
  });

  it('is in doubt when the connection is reset after the request was received', async () => {
    await using target = await startTarget((request) => request.socket.destroy());
    expect(await callOne(http(target.url), {})).toMatchObject({ kind: 'in_doubt', cause: 'reset' });
    expect(target.effects.get('run:1:call_1')).toBe(1);
  });

  it('is in doubt when the answer breaks off', async () => {
    await using target = await startTarget((_request, response) => {
      response.writeHead(200, { 'content-length': '50' });
      response.write('half', () => response.destroy());
    });
    expect(await callOne(http(target.url), {})).toMatchObject({ kind: 'in_doubt', cause: 'reset' });
  });

  it('is in doubt when no answer comes in time', async () => {
    await using target = await startTarget(() => undefined);
    expect(await callOne(http(target.url, {}, { timeoutMs: 50 }), {})).toMatchObject({
      kind: 'in_doubt',
      cause: 'time_out',
    });
    expect(target.effects.get('run:1:call_1')).toBe(1);
  });

  it('waits for a slow answer that comes in time', async () => {
    await using target = await startTarget((request, response) => {
      setTimeout(() => json(200, 'late')(request, response), 60);
    });
    expect(await callOne(http(target.url, {}, { timeoutMs: 5_000 }), {})).toEqual({
      kind: 'completed',
      output: 'late',
    });
  });

  it('is in doubt when it is aborted after the request was received, and not sent when aborted before', async () => {
    const controller = new AbortController();
    await using target = await startTarget(() => controller.abort());
    expect(await callOne(http(target.url), {}, controller.signal)).toMatchObject({
      kind: 'in_doubt',
      cause: 'aborted',
    });
    expect(await callOne(http(target.url), {}, controller.signal)).toMatchObject({ kind: 'not_sent' });
    expect(target.effects.get('run:1:call_1')).toBe(1);
  });

  it('is not sent when nothing listens or the name does not exist', async () => {
    const target = await startTarget(() => undefined);
    await target[Symbol.asyncDispose]();
    expect(await callOne(http(target.url), {})).toMatchObject({ kind: 'not_sent' });
    expect(await callOne(http('http://does-not-exist.invalid/'), {})).toMatchObject({ kind: 'not_sent' });
  });

  it('fails without a request when the address is not allowed, a secret is missing or an argument is a path', async () => {
    await using target = await startTarget(json(200, {}));
    expect(await callOne(http('http://169.254.169.254/latest'), {})).toMatchObject({
      kind: 'failed',
      error: { code: 'blocked' },
    });
    expect(await callOne(http('file:///etc/passwd'), {})).toMatchObject({
      kind: 'failed',
      error: { code: 'invalid' },
    });
    const missing = http(target.url, { headers: { 'x-key': '{{secrets.other}}' } });
    expect(await callOne(missing, {})).toMatchObject({ kind: 'failed', error: { code: 'invalid_request' } });
    expect(await callOne(http(`${target.url}/a/{{x}}/b`), { x: '..' })).toMatchObject({ kind: 'failed' });
    expect(target.requests).toEqual([]);
  });

  it('fails when the result is too large: the call was made, and is not in doubt', async () => {
    await using target = await startTarget(json(200, 'x'.repeat(60_000)));
    expect(await callOne(http(target.url), {})).toMatchObject({
      kind: 'failed',
      error: { code: 'result_too_large' },
    });
  });

  it('makes values storable', async () => {
    await using target = await startTarget((_request, response) =>
      response.setHeader('content-type', 'application/json').end('{"a":"\\u0000\\ud800"}'),
    );
    expect(await callOne(http(target.url), {})).toEqual({ kind: 'completed', output: { a: '\ufffd\ufffd' } });
  });

  it('cannot be made to break a header by an argument', async () => {
    await using target = await startTarget(json(200, {}));
    await callOne(http(target.url, { headers: { 'x-name': '{{name}}' } }), { name: 'a\r\nx-evil: 1' });
    expect(target.requests[0]?.headers).toMatchObject({ 'x-name': 'a x-evil: 1' });
    expect(target.requests[0]?.headers['x-evil']).toBeUndefined();
  });
});

describe('a toolbox', () => {
  it('fills in the defaults', async () => {
    await using toolbox = toolboxOf([
      http('https://example.com/', { method: 'GET' }, { name: 'read' }),
      http('https://example.com/', {}, { name: 'write' }),
      http('https://example.com/', {}, { name: 'put', idempotent: true, timeoutMs: 9 }),
      http('https://example.com/', { method: 'GET' }, { name: 'asked', afterCrash: 'ask' }),
      { type: 'client', name: 'pick', onExpire: 'fail' },
    ]);
    expect(await resolved(toolbox)).toMatchObject([
      {
        name: 'read',
        afterCrash: 'retry',
        approval: 'never',
        timeoutMs: 5_000,
        onExpire: 'continue',
        opensWait: false,
      },
      { name: 'write', afterCrash: 'ask' },
      { name: 'put', afterCrash: 'retry', timeoutMs: 9 },
      { name: 'asked', afterCrash: 'ask' },
      { name: 'pick', opensWait: true, onExpire: 'fail', inputSchema: { type: 'object' } },
    ]);
  });

  it('always asks after an approval, unless the agent says otherwise', async () => {
    await using toolbox = toolboxOf([
      http('https://example.com/', { method: 'GET' }, { name: 'read' }),
      http('https://example.com/', {}, { name: 'write', afterCrash: 'retry' }),
    ]);
    const [read, write] = await resolved(toolbox);
    if (read === undefined || write === undefined) throw new Error('no tools');
    expect([afterCrashOf(read, false), afterCrashOf(read, true)]).toEqual(['retry', 'ask']);
    expect([afterCrashOf(write, false), afterCrashOf(write, true)]).toEqual(['retry', 'retry']);
  });

  it('checks arguments and names the first problem', async () => {
    const inputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    await using toolbox = toolboxOf([{ type: 'client', name: 'pick', inputSchema }]);
    const [tool] = await resolved(toolbox);
    expect(tool?.argsValid({ n: 1 })).toBeNull();
    expect(tool?.argsValid({ n: 'one' })).toBe('/n must be number');
    expect(tool?.argsValid('nothing')).toBe('must be object');
  });

  it('describes the built-ins that wait, and checks their arguments', async () => {
    await using toolbox = toolboxOf(
      ['ask_user', 'sleep_until', 'delegate'].map((name) => ({ type: 'builtin', name })),
    );
    const [ask, sleep, delegate] = await resolved(toolbox);
    expect([ask?.opensWait, sleep?.opensWait, delegate?.opensWait]).toEqual([true, true, true]);
    expect(ask?.argsValid({ question: 'Which?' })).toBeNull();
    expect(ask?.argsValid({})).toContain('question');
    expect(sleep?.argsValid({ seconds: 1 })).toBeNull();
    expect(sleep?.argsValid({ until: 'tomorrow' })).not.toBeNull();
    expect(sleep?.argsValid({ until: '2026-01-01T00:00:00Z', seconds: 1 })).not.toBeNull();
    expect(delegate?.argsValid({ input: 'Do it.' })).toBeNull();
  });

  it('answers the note at once, the same for the same key', async () => {
    const note = { type: 'builtin', name: 'record_note' };
    const outcome = await callOne(note, { text: 'hi' });
    expect(outcome).toEqual({
      kind: 'completed',
      output: { recorded: { text: 'hi' }, idempotencyKey: 'run:1:call_1' },
    });
    expect(await callOne(note, { text: 'hi' })).toEqual(outcome);
  });

  it('does not call what opens a wait', async () => {
    expect(await callOne({ type: 'client', name: 'pick' }, {})).toMatchObject({ kind: 'failed' });
  });

  it.each([
    ['an unknown built-in', { type: 'builtin', name: 'fly' }],
    ['an http tool without a request', { type: 'http', name: 'send' }],
    ['an unknown MCP server', { type: 'mcp', name: 'x', server: 'nowhere' }],
  ])('fails for good on %s', async (_what, tool) => {
    await using toolbox = toolboxOf([tool]);
    const result = await toolbox.resolve(new AbortController().signal);
    expect(result).toMatchObject({ ok: false, failure: { kind: 'terminal', code: 'tool_failed' } });
  });
});

describe('sleepTarget', () => {
  it('reads a time or a number of seconds', () => {
    expect(sleepTarget({ seconds: 1.5 }, 1_000)).toEqual({ ok: true, atMs: 2_500 });
    expect(sleepTarget({ until: '1970-01-01T00:00:05+00:00' }, 0)).toEqual({ ok: true, atMs: 5_000 });
    expect(sleepTarget({ until: 'soon' }, 0)).toMatchObject({ ok: false });
    expect(sleepTarget(null, 0)).toMatchObject({ ok: false });
  });
});

describe('jsonSize', () => {
  it('counts bytes, not characters', () => {
    expect(jsonSize('ü')).toBe(4);
  });
});
