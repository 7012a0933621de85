import type { LookupAddress } from 'node:dns';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createGuardedFetch, type GuardedFetch, type GuardedFetchOptions } from './guarded-fetch.ts';
import { OutgoingError, type OutgoingErrorCode } from './outgoing-error.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(async (server) => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }),
  );
});

async function serve(handler: Handler): Promise<number> {
  const server = createServer(handler);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return portOf(server.address());
}

function portOf(address: ReturnType<Server['address']>): number {
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Names resolve to what the table says; everything that is not listed does not exist. */
function resolverOf(table: Record<string, string[]>): NonNullable<GuardedFetchOptions['resolve']> {
  return (hostname, callback) => {
    const addresses = table[hostname];
    if (addresses === undefined) callback(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), []);
    else
      callback(
        null,
        addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  };
}

function guarded(options: Partial<GuardedFetchOptions> = {}): GuardedFetch {
  return createGuardedFetch({ allow: ['127.0.0.1'], maxBytes: 100_000, timeoutMs: 3_000, ...options });
}

async function failureOf(promise: Promise<unknown>): Promise<OutgoingError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OutgoingError)) throw new Error(`expected an OutgoingError, got ${String(error)}`);
  return error;
}

async function expectFailure(
  promise: Promise<unknown>,
  code: OutgoingErrorCode,
  sent: boolean,
): Promise<void> {
  const error = await failureOf(promise);
  expect({ code: error.code, sent: error.sent }).toEqual({ code, sent });
}

describe('the guarded fetch', () => {
  it('fetches from an allowed address', async () => {
    const port = await serve((request, response) => response.end(`${request.method} ${request.url}`));
    const response = await guarded()(`http://127.0.0.1:${port}/a?b=c`, { method: 'POST', body: 'x' });
    expect([response.status, await response.text()]).toEqual([200, 'POST /a?b=c']);
    expect(response.url).toBe(`http://127.0.0.1:${port}/a?b=c`);
  });

  it.each([
    'http://127.0.0.1:59999/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://[::1]:59999/',
    'http://[::ffff:127.0.0.1]:59999/',
    'http://169.254.169.254/latest/meta-data',
    'http://10.0.0.1/',
    'http://localhost:59999/',
  ])('blocks %s before a byte leaves', async (url) => {
    await expectFailure(guarded({ allow: [] })(url), 'blocked', false);
  });

  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'http://user:pass@example.com/',
    'http://user@example.com/',
    'nonsense',
  ])('refuses %s as not valid', async (url) => {
    await expectFailure(guarded()(url), 'invalid', false);
  });

  it('never shows a password of the URL in its message', async () => {
    expect((await failureOf(guarded()('http://user:hunter2@example.com/'))).message).not.toContain('hunter2');
  });

  it('blocks a name that resolves to a private address', async () => {
    const resolve = resolverOf({ 'evil.example': ['10.0.0.1'], 'evil6.example': ['::ffff:10.0.0.1'] });
    await expectFailure(guarded({ resolve })('http://evil.example/'), 'blocked', false);
    await expectFailure(guarded({ resolve })('http://evil6.example/'), 'blocked', false);
  });

  it('connects to the address that it checked, though the name changes its address at each look-up', async () => {
    let reached = 0;
    const port = await serve((_request, response) => {
      reached += 1;
      response.end();
    });
    let lookups = 0;
    const fetchOnce = guarded({
      allow: [],
      resolve: (_hostname, callback) => {
        lookups += 1;
        callback(null, [{ address: lookups === 1 ? '127.0.0.1' : '8.8.8.8', family: 4 }]);
      },
    });
    await expectFailure(fetchOnce(`http://rebind.example:${port}/`), 'blocked', false);
    expect([reached, lookups]).toEqual([0, 1]);
  });

  it('uses only the public ones of several addresses', async () => {
    const resolve = resolverOf({ 'mixed.example': ['10.255.255.1', '127.0.0.1'] });
    const port = await serve((_request, response) => response.end('reached'));
    const response = await guarded({ resolve })(`http://mixed.example:${port}/`);
    expect(await response.text()).toBe('reached');
  });

  it('reaches a private address whose name is allowed', async () => {
    const port = await serve((_request, response) => response.end('inside'));
    const resolve = resolverOf({ 'api.internal': ['127.0.0.1'] });
    const response = await guarded({ allow: ['api.internal'], resolve })(`http://api.internal:${port}/`);
    expect(await response.text()).toBe('inside');
  });

  it('tells a name that does not exist and a refused connection from failures after sending', async () => {
    const closed = createTcpServer();
    closed.listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const port = portOf(closed.address());
    closed.close();
    await once(closed, 'close');
    await expectFailure(guarded({ resolve: resolverOf({}) })('http://nowhere.example/'), 'dns', false);
    await expectFailure(guarded()(`http://127.0.0.1:${port}/`), 'refused', false);
  });

  it('tells a failed TLS handshake from failures after sending', async () => {
    const port = await serve((_request, response) => response.end());
    await expectFailure(guarded()(`https://127.0.0.1:${port}/`), 'tls', false);
  });

  it('reports a reset after the request was sent', async () => {
    const port = await serve((request) => request.socket.destroy());
    await expectFailure(guarded()(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x' }), 'reset', true);
  });

  it('reports a body that is cut off', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    const response = await guarded()(`http://127.0.0.1:${port}/`);
    await expectFailure(response.text(), 'reset', true);
  });

  it('reports a server that does not answer in time', async () => {
    const port = await serve(() => undefined);
    await expectFailure(guarded({ timeoutMs: 50 })(`http://127.0.0.1:${port}/`), 'timeout', true);
  });

  it('counts the body against the time limit', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200);
      response.write('drip');
    });
    const response = await guarded({ timeoutMs: 80 })(`http://127.0.0.1:${port}/`);
    await expectFailure(response.text(), 'timeout', true);
  });

  it('ends when the caller aborts', async () => {
    const controller = new AbortController();
    const port = await serve(() => controller.abort());
    await expectFailure(
      guarded()(`http://127.0.0.1:${port}/`, { signal: controller.signal }),
      'aborted',
      true,
    );
    await expectFailure(
      guarded()(`http://127.0.0.1:${port}/`, { signal: controller.signal }),
      'aborted',
      false,
    );
  });

  it('limits the size of a body, declared or not', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/declared') response.setHeader('content-length', '2000');
      response.write('x'.repeat(500));
      response.end('x'.repeat(1500));
    });
    const fetchSmall = guarded({ maxBytes: 1000 });
    await expectFailure(fetchSmall(`http://127.0.0.1:${port}/declared`), 'too_large', true);
    const response = await fetchSmall(`http://127.0.0.1:${port}/streamed`);
    await expectFailure(response.text(), 'too_large', true);
  });

  it('streams: a chunk is readable while the response goes on', async () => {
    let finish: (() => void) | undefined;
    const port = await serve((_request, response) => {
      response.write('first');
      finish = () => response.end('last');
    });
    const response = await guarded()(`http://127.0.0.1:${port}/`);
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first');
    finish?.();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('last');
    expect((await reader?.read())?.done).toBe(true);
  });

  it('closes the connection when the reader cancels', async () => {
    let closed: () => void;
    const whenClosed = new Promise<void>((resolve) => (closed = resolve));
    const port = await serve((_request, response) => {
      response.on('close', () => closed());
      response.write('first');
    });
    const response = await guarded()(`http://127.0.0.1:${port}/`);
    await response.body?.cancel();
    await whenClosed;
  });

  it('answers without a body for 204 and HEAD', async () => {
    const port = await serve((_request, response) => response.writeHead(204).end());
    expect((await guarded()(`http://127.0.0.1:${port}/`)).body).toBeNull();
    expect((await guarded()(`http://127.0.0.1:${port}/`, { method: 'HEAD' })).status).toBe(204);
  });
});

describe('redirects', () => {
  it('are followed, and a POST becomes a GET after 303 but not after 307', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/303') response.writeHead(303, { location: '/end' }).end();
      else if (request.url === '/307') response.writeHead(307, { location: '/end' }).end();
      else
        request
          .setEncoding('utf8')
          .on('data', () => undefined)
          .on('end', () => response.end(request.method));
    });
    const post = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } };
    expect(await (await guarded()(`http://127.0.0.1:${port}/303`, post)).text()).toBe('GET');
    expect(await (await guarded()(`http://127.0.0.1:${port}/307`, post)).text()).toBe('POST');
  });

  it('are checked anew: a public answer cannot lead to a private address', async () => {
    const port = await serve((_request, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    );
    await expectFailure(guarded()(`http://127.0.0.1:${port}/`), 'blocked', true);
  });

  it('to another scheme or with a user name are refused', async () => {
    const port = await serve((request, response) =>
      response
        .writeHead(302, { location: request.url === '/a' ? 'file:///etc/passwd' : 'http://a:b@127.0.0.1/' })
        .end(),
    );
    await expectFailure(guarded()(`http://127.0.0.1:${port}/a`), 'invalid', true);
    await expectFailure(guarded()(`http://127.0.0.1:${port}/b`), 'invalid', true);
  });

  it('end after five', async () => {
    let requests = 0;
    const port = await serve((_request, response) => {
      requests += 1;
      response.writeHead(302, { location: '/again' }).end();
    });
    await expectFailure(guarded()(`http://127.0.0.1:${port}/`), 'redirects', true);
    expect(requests).toBe(6);
  });

  it('drop every header that may hold a secret on the way to another origin, and keep them within one', async () => {
    const seen: IncomingMessage['headers'][] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers);
      response.end();
    });
    const first = await serve((request, response) => {
      seen.push(request.headers);
      const location = request.url === '/start' ? '/same' : `http://127.0.0.1:${other}/`;
      response.writeHead(307, { location }).end();
    });
    await guarded()(`http://127.0.0.1:${first}/start`, {
      headers: {
        authorization: 'Bearer a',
        cookie: 'b',
        'x-token': 'c',
        accept: 'text/plain',
        'idempotency-key': 'k',
      },
    });
    expect(seen[1]).toMatchObject({ authorization: 'Bearer a', cookie: 'b', 'x-token': 'c' });
    expect(seen[2]).toMatchObject({ accept: 'text/plain', 'idempotency-key': 'k' });
    for (const name of ['authorization', 'cookie', 'x-token']) expect(seen[2]).not.toHaveProperty(name);
  });
});
