import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

/** The MCP SDK's own server over streamable HTTP: `add` only reads, `pay` has an effect. */
export interface McpTarget extends AsyncDisposable {
  url: string;
  /** Amounts that were paid. */
  paid: number[];
  /** The `authorization` header of each request. */
  authorization: (string | undefined)[];
}

export async function startMcpTarget(): Promise<McpTarget> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const paid: number[] = [];
  const authorization: (string | undefined)[] = [];

  async function connect(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    const mcp = new McpServer({ name: 'test', version: '1' });
    const sum = { description: 'Adds', inputSchema: { a: z.number(), b: z.number() } };
    mcp.registerTool('add', { ...sum, annotations: { readOnlyHint: true } }, ({ a, b }) => ({
      content: [{ type: 'text', text: String(a + b) }],
    }));
    mcp.registerTool('pay', { inputSchema: { amount: z.number() } }, ({ amount }) => {
      paid.push(amount);
      return { content: [{ type: 'text', text: `paid ${amount}` }] };
    });
    // The SDK's own types differ where `exactOptionalPropertyTypes` is on.
    await mcp.connect(transport as Parameters<typeof mcp.connect>[0]);
    return transport;
  }

  const server = createServer((request, response) => {
    authorization.push(request.headers.authorization);
    const session = sessions.get(String(request.headers['mcp-session-id']));
    void (session === undefined ? connect() : Promise.resolve(session)).then((transport) =>
      transport.handleRequest(request, response),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    paid,
    authorization,
    async [Symbol.asyncDispose]() {
      for (const transport of sessions.values()) await transport.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
