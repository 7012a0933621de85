import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';

export interface ToolRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** The idempotency key of the call. */
  key: string;
}

export type ToolHandler = (request: ToolRequest, response: ServerResponse) => void;

/** A server that http tools call: it keeps what it is sent, and counts the effects by idempotency key. */
export interface ToolTarget extends AsyncDisposable {
  url: string;
  seen: ToolRequest[];
  /** Answers from now on; `{ok: true}` unless told. */
  handler: ToolHandler;
}

export async function startToolTarget(): Promise<ToolTarget> {
  const seen: ToolRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const body = Buffer.concat(chunks).toString();
      const entry = { method, path: url, headers, body, key: String(headers['idempotency-key']) };
      seen.push(entry);
      target.handler(entry, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const target: ToolTarget = {
    url: `http://127.0.0.1:${address.port}`,
    seen,
    handler: (_request, response) => answerJson(response, { ok: true }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return target;
}

export function answerJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
