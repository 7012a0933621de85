import { mcpServerSchema, toolSchema, type Json, type McpServer } from '@fermata/protocol';
import { McpServer as SdkServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createGuardedFetch } from '../../outgoing/guarded-fetch.ts';
import { IDEMPOTENCY_META_KEY } from './mcp-connection.ts';
import type { ResolvedTool } from './resolved-tool.ts';
import { createToolbox, type Toolbox } from './toolbox.ts';
import type { ToolOutcome } from './tool-outcome.ts';

type Interceptor = (body: { method?: string }, request: IncomingMessage, response: ServerResponse) => boolean;

interface McpFixture extends AsyncDisposable {
  url: string;
  headers: IncomingMessage['headers'][];
  methods: string[];
  effects: Map<string, number>;
  /** Answers a request itself when it returns true. */
  intercept: Interceptor | null;
  forgetSessions(): void;
  /** Settles when the next `hang` call has arrived. */
  hanging: Promise<void>;
  /** Settles when a client cancelled a call. */
  cancelled: Promise<void>;
}

/** The SDK's own server over streamable HTTP, one session per client. */
async function startMcp(): Promise<McpFixture> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  let arrived = (): void => undefined;
  let cancel = (): void => undefined;
  const fixture = {
    url: '',
    headers: [] as IncomingMessage['headers'][],
    methods: [] as string[],
    effects: new Map<string, number>(),
    intercept: null as Interceptor | null,
    forgetSessions: () => sessions.clear(),
    hanging: new Promise<void>((resolve) => (arrived = resolve)),
    cancelled: new Promise<void>((resolve) => (cancel = resolve)),
  };

  function newServer(): SdkServer {
    const server = new SdkServer({ name: 'test', version: '1' });
    const text = (value: string): { content: { type: 'text'; text: string }[] } => ({
      content: [{ type: 'text', text: value }],
    });
    server.registerTool(
      'add',
      {
        description: 'Adds',
        inputSchema: { a: z.number(), b: z.number() },
        annotations: { readOnlyHint: true },
      },
      ({ a, b }) => text(String(a + b)),
    );
    server.registerTool('pay', { inputSchema: { amount: z.number() } }, ({ amount }, extra) => {
      const key = String(extra._meta?.[IDEMPOTENCY_META_KEY]);
      fixture.effects.set(key, (fixture.effects.get(key) ?? 0) + 1);
      return text(`paid ${amount}`);
    });
    server.registerTool('fail', {}, () => ({
      ...text('no such account very-secret-token-1234'),
      isError: true,
    }));
    server.registerTool('structured', { outputSchema: { n: z.number() } }, () => ({
      ...text('{"n":1}'),
      structuredContent: { n: 1 },
    }));
    server.registerTool('picture', {}, () => ({
      content: [{ type: 'image', data: 'AQI=', mimeType: 'image/png' }],
    }));
    server.registerTool('files.read', { annotations: { idempotentHint: true } }, () => text('all'));
    server.registerTool('hang', {}, (extra) => {
      arrived();
      extra.signal.addEventListener('abort', () => cancel());
      return new Promise(() => undefined);
    });
    return server;
  }

  async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    body: { method?: string } | undefined,
  ): Promise<void> {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? sessions.get(id) : undefined;
    if (known !== undefined) return await known.handleRequest(request, response, body);
    if (body?.method !== 'initialize') {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null }),
      );
      return;
    }
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (session) => void sessions.set(session, transport),
    });
    await newServer().connect(transport as Parameters<SdkServer['connect']>[0]);
    await transport.handleRequest(request, response, body);
  }

  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const body = text === '' ? undefined : (JSON.parse(text) as { method?: string });
      fixture.headers.push(request.headers);
      if (body?.method !== undefined) fixture.methods.push(body.method);
      if (fixture.intercept?.(body ?? {}, request, response) === true) return;
      void handle(request, response, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  fixture.url = `http://127.0.0.1:${address.port}/mcp`;
  return Object.assign(fixture, {
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

function toolboxOf(servers: unknown[], tools: unknown[] = []): Toolbox {
  return createToolbox({
    tools: tools.map((tool) => toolSchema.parse(tool)),
    mcpServers: servers.map((server): McpServer => mcpServerSchema.parse(server)),
    secrets: { token: 'very-secret-token-1234' },
    fetch: createGuardedFetch({ allow: ['127.0.0.1'], maxBytes: 1_000_000, timeoutMs: 5_000 }),
    defaultTimeoutMs: 5_000,
  });
}

async function toolsOf(toolbox: Toolbox): Promise<Map<string, ResolvedTool>> {
  const result = await toolbox.resolve(new AbortController().signal);
  if (!result.ok) throw new Error(JSON.stringify(result.failure));
  return new Map(result.tools.map((tool) => [tool.name, tool]));
}

async function callNamed(
  toolbox: Toolbox,
  name: string,
  args: Json,
  signal = new AbortController().signal,
): Promise<ToolOutcome> {
  const tool = (await toolsOf(toolbox)).get(name);
  if (tool === undefined) throw new Error(`no tool ${name}`);
  const call = { tool, args, callId: 'c', idempotencyKey: 'run:1:c', secrets: {}, signal };
  return await toolbox.callTool(call);
}

describe('the tools of an MCP server', () => {
  it('are discovered once, with names that models take, schemas and hints', async () => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf([
      { name: 'bank', url: mcp.url, headers: { authorization: 'Bearer {{secrets.token}}' } },
    ]);
    const tools = await toolsOf(toolbox);
    await toolsOf(toolbox);
    expect([...tools.keys()]).toEqual(['add', 'pay', 'fail', 'structured', 'picture', 'files_read', 'hang']);
    expect(tools.get('add')).toMatchObject({
      type: 'mcp',
      description: 'Adds',
      afterCrash: 'retry',
      approval: 'never',
      opensWait: false,
    });
    expect(tools.get('add')?.argsValid({ a: 1 })).toContain('b');
    expect(tools.get('pay')).toMatchObject({ afterCrash: 'ask' });
    expect(tools.get('files_read')).toMatchObject({ afterCrash: 'retry' });
    expect(mcp.methods.filter((method) => method === 'tools/list')).toHaveLength(1);
    expect(mcp.headers[0]?.authorization).toBe('Bearer very-secret-token-1234');
  });

  it('can be limited and overridden by the agent', async () => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf(
      [{ name: 'bank', url: mcp.url, tools: ['add', 'pay'], approval: 'always', timeoutMs: 700 }],
      [{ type: 'mcp', name: 'add', server: 'bank', approval: 'never', description: 'Sums up' }],
    );
    const tools = await toolsOf(toolbox);
    expect([...tools.keys()]).toEqual(['add', 'pay']);
    expect(tools.get('add')).toMatchObject({ approval: 'never', description: 'Sums up', timeoutMs: 700 });
    expect(tools.get('pay')).toMatchObject({ approval: 'always' });
  });

  it('of two servers with the same names stay apart', async () => {
    await using first = await startMcp();
    await using second = await startMcp();
    await using toolbox = toolboxOf([
      { name: 'one', url: first.url, tools: ['pay'] },
      { name: 'two', url: second.url, tools: ['pay'] },
    ]);
    expect(await callNamed(toolbox, 'two_pay', { amount: 5 })).toMatchObject({ kind: 'completed' });
    expect([first.effects.size, second.effects.size]).toEqual([0, 1]);
  });

  it('that cannot be listed are a failure, which may be tried again when the server is away', async () => {
    await using mcp = await startMcp();
    const signal = new AbortController().signal;
    const away = await startMcp();
    await away[Symbol.asyncDispose]();
    await using gone = toolboxOf([{ name: 'bank', url: away.url }]);
    expect(await gone.resolve(signal)).toMatchObject({
      ok: false,
      failure: { kind: 'retryable', code: 'tool_failed' },
    });
    await using forbidden = toolboxOf([{ name: 'bank', url: 'http://169.254.169.254/mcp' }]);
    expect(await forbidden.resolve(signal)).toMatchObject({ ok: false, failure: { kind: 'terminal' } });
    mcp.intercept = (_body, _request, response) => {
      response.writeHead(401).end();
      return true;
    };
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url }]);
    expect(await toolbox.resolve(signal)).toMatchObject({ ok: false, failure: { kind: 'terminal' } });
    mcp.intercept = null;
    expect(await toolbox.resolve(signal)).toMatchObject({ ok: true });
  });
});

describe('a call of an MCP tool', () => {
  it('carries the idempotency key in _meta', async () => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url }]);
    expect(await callNamed(toolbox, 'pay', { amount: 5 })).toEqual({ kind: 'completed', output: 'paid 5' });
    expect([...mcp.effects]).toEqual([['run:1:c', 1]]);
  });

  it('returns text, structured content, and other content as it is', async () => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url }]);
    expect(await callNamed(toolbox, 'add', { a: 1, b: 2 })).toEqual({ kind: 'completed', output: '3' });
    expect(await callNamed(toolbox, 'files_read', {})).toEqual({ kind: 'completed', output: 'all' });
    expect(await callNamed(toolbox, 'structured', {})).toEqual({ kind: 'completed', output: { n: 1 } });
    expect(await callNamed(toolbox, 'picture', {})).toMatchObject({
      output: [{ type: 'image', mimeType: 'image/png' }],
    });
  });

  it('fails when the tool says so, or the server refuses; secrets are struck out', async () => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url }]);
    const outcome = await callNamed(toolbox, 'fail', {});
    expect(outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'tool_error', message: expect.stringContaining('no such account') },
    });
    expect(JSON.stringify(outcome)).not.toContain('very-secret');
    expect(await callNamed(toolbox, 'add', { a: 'x' })).toMatchObject({
      kind: 'failed',
      error: { code: 'tool_error' },
    });
  });

  it('is in doubt after its time-out, and the server is told to give up', async () => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url, timeoutMs: 150 }]);
    expect(await callNamed(toolbox, 'hang', {})).toMatchObject({ kind: 'in_doubt', cause: 'time_out' });
    await mcp.cancelled;
  });

  it('is in doubt when it is aborted on the way', async () => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url }]);
    const controller = new AbortController();
    const call = callNamed(toolbox, 'hang', {}, controller.signal);
    await mcp.hanging;
    controller.abort();
    expect(await call).toMatchObject({ kind: 'in_doubt', cause: 'aborted' });
  });

  it.each([
    ['a reset', 'reset', (response: ServerResponse): void => void response.destroy()],
    ['a bad gateway', 'bad_gateway', (response: ServerResponse): void => void response.writeHead(502).end()],
    [
      'a gateway time-out',
      'bad_gateway',
      (response: ServerResponse): void => void response.writeHead(504).end(),
    ],
  ] as const)('is in doubt after %s', async (_what, cause, answer) => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url }]);
    await toolsOf(toolbox);
    mcp.intercept = (body, _request, response) => {
      if (body.method !== 'tools/call') return false;
      answer(response);
      return true;
    };
    expect(await callNamed(toolbox, 'pay', { amount: 1 })).toMatchObject({ kind: 'in_doubt', cause });
  });

  it('is in doubt when the stream ends without a result', async () => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url, timeoutMs: 30_000 }]);
    await toolsOf(toolbox);
    mcp.intercept = (body, _request, response) => {
      if (body.method !== 'tools/call') return false;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': bye\n\n');
      return true;
    };
    expect(await callNamed(toolbox, 'pay', { amount: 1 })).toMatchObject({
      kind: 'in_doubt',
      cause: 'reset',
    });
  });

  it('is not sent when the server is away', async () => {
    const mcp = await startMcp();
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url }]);
    await toolsOf(toolbox);
    await mcp[Symbol.asyncDispose]();
    expect(await callNamed(toolbox, 'pay', { amount: 1 })).toMatchObject({ kind: 'not_sent' });
  });

  it('is made once more, with one effect, when the server has forgotten the session', async () => {
    await using mcp = await startMcp();
    await using toolbox = toolboxOf([{ name: 'bank', url: mcp.url }]);
    await toolsOf(toolbox);
    mcp.forgetSessions();
    expect(await callNamed(toolbox, 'pay', { amount: 5 })).toEqual({ kind: 'completed', output: 'paid 5' });
    expect([...mcp.effects]).toEqual([['run:1:c', 1]]);
  });
});
