import { describe, expect, it } from 'vitest';
import { json, problem, ScriptedServer, type Answer } from '../test/scripted-server.ts';
import { createClient, type Client } from './client.ts';
import { FermataError, readRetryAfter } from './errors.ts';
import { backoffMs } from './retry.ts';

function clientOf(server: { url: string }, more: { maxRetries?: number; timeoutMs?: number } = {}): Client {
  return createClient({
    baseUrl: server.url,
    apiKey: 'secret',
    retry: { firstMs: 1, longestMs: 50 },
    maxRetries: 3,
    ...more,
  });
}

const unavailable: Answer = problem(503, 'unavailable', { retryable: true }, { 'retry-after': '0' });
const cut: Answer = (response) => void response.destroy();

describe('a request', () => {
  it('goes to the native mount with key and JSON', async () => {
    await using server = await ScriptedServer.start(json(201, { id: 'r1' }));
    expect(await clientOf(server).runs.start({ input: { any: 'thing' } })).toEqual({ id: 'r1' });
    const [request] = server.requests;
    expect(`${request?.method} ${request?.url}`).toBe('POST /native/v1/runs');
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer secret',
      'content-type': 'application/json',
    });
  });

  it('keeps a base URL that names the version, and asks for the key each time', async () => {
    await using server = await ScriptedServer.start(json(200, {}));
    const keys = ['a', 'b'];
    const client = createClient({ baseUrl: `${server.url}/v1/`, apiKey: () => keys.shift() ?? '' });
    await client.me();
    await client.runs.get('../x y');
    expect(server.requests.map((request) => request.url)).toEqual(['/v1/me', '/v1/runs/..%2Fx%20y']);
    expect(server.requests.map((request) => request.headers.authorization)).toEqual(['Bearer a', 'Bearer b']);
  });

  it('writes lists and metadata into the query as the API reads them', async () => {
    await using server = await ScriptedServer.start(json(200, { data: [], nextCursor: null }));
    await clientOf(server).runs.list({
      status: ['paused', 'waiting'],
      metadata: { team: 'a b' },
      limit: 5,
      kind: [],
    });
    expect(server.requests[0]?.url).toBe('/native/v1/runs?status=paused%2Cwaiting&metadata.team=a+b&limit=5');
  });

  it.each([
    ['PATCH', '/runs/r', (c: Client) => c.runs.update('r', { title: null })],
    ['POST', '/runs/r/report', (c: Client) => c.runs.report('r', { status: 'succeeded' })],
    ['POST', '/runs/r/pause', (c: Client) => c.runs.pause('r')],
    ['POST', '/runs/r/resume', (c: Client) => c.runs.resume('r', { hold: 'x' })],
    ['POST', '/runs/r/cancel', (c: Client) => c.runs.cancel('r')],
    ['POST', '/runs/r/retry', (c: Client) => c.runs.retry('r')],
    ['POST', '/runs/r/fork', (c: Client) => c.runs.fork('r', { at: 3 })],
    ['POST', '/runs/r/notes', (c: Client) => c.runs.addNote('r', { type: 't' })],
    ['POST', '/runs/r/messages', (c: Client) => c.runs.sendMessage('r', { content: 'x' })],
    ['POST', '/runs/r/calls/c/answer', (c: Client) => c.runs.answerCall('r', 'c', { output: 1 })],
    ['POST', '/waits/w/answer', (c: Client) => c.waits.answer('w', { decision: 'approve', digest: 'd' })],
    ['POST', '/runs/r/resume?dryRun=true', (c: Client) => c.runs.previewResume('r', { hold: 'x' })],
    ['POST', '/runs/r/messages?dryRun=true', (c: Client) => c.runs.previewMessage('r', { content: 'x' })],
    [
      'POST',
      '/runs/r/calls/c/answer?dryRun=true',
      (c: Client) => c.runs.previewAnswerCall('r', 'c', { output: 1 }),
    ],
    ['POST', '/waits/w/answer?dryRun=true', (c: Client) => c.waits.previewAnswer('w', { value: 1 })],
    ['POST', '/waits/w/snooze', (c: Client) => c.waits.snooze('w', { until: null })],
    ['POST', '/waits/w/assign', (c: Client) => c.waits.assign('w', { assignee: null })],
    ['GET', '/runs/r/receipts', (c: Client) => c.runs.getReceipts('r')],
    ['GET', '/receipts/keys', (c: Client) => c.runs.listReceiptKeys()],
    ['GET', '/waits/w', (c: Client) => c.waits.get('w')],
    ['POST', '/jobs', (c: Client) => c.jobs.create({ action: 'pause', filter: {} })],
    ['POST', '/jobs', (c: Client) => c.jobs.preview({ action: 'pause', ids: ['r'] })],
    ['GET', '/jobs/j', (c: Client) => c.jobs.get('j')],
    ['POST', '/jobs/j/cancel', (c: Client) => c.jobs.cancel('j')],
    ['GET', '/inbox/counts', (c: Client) => c.inbox.counts()],
    ['GET', '/usage?groupBy=day%2Cmodel', (c: Client) => c.organization.usage({ groupBy: ['day', 'model'] })],
    ['GET', '/organization', (c: Client) => c.organization.get()],
    ['PATCH', '/organization', (c: Client) => c.organization.update({ dailyLimits: { maxTurns: null } })],
    ['POST', '/agents', (c: Client) => c.agents.create({ name: 'a' })],
    ['PATCH', '/agents/a', (c: Client) => c.agents.update('a', { model: 'm' })],
    ['GET', '/agents/a?version=2', (c: Client) => c.agents.get('a', { version: 2 })],
    ['POST', '/keys', (c: Client) => c.keys.create({ name: 'k', role: 'viewer' })],
    ['DELETE', '/keys/k', (c: Client) => c.keys.revoke('k')],
    ['POST', '/principals', (c: Client) => c.principals.create({ name: 'p', role: 'viewer' })],
    ['PATCH', '/principals/p', (c: Client) => c.principals.update('p', { disabled: true })],
  ] as const)('%s %s has a verb', async (method, path, call) => {
    await using server = await ScriptedServer.start(json(200, {}));
    await call(clientOf(server));
    const [request] = server.requests;
    expect(`${request?.method} ${request?.url}`).toBe(`${method} /native/v1${path}`);
    const isMutation = method === 'POST' || method === 'PATCH';
    expect(request?.headers['idempotency-key'] !== undefined).toBe(isMutation);
  });

  it('takes a reply without a body', async () => {
    await using server = await ScriptedServer.start((response) => void response.writeHead(204).end());
    expect(await clientOf(server).agents.delete('a')).toBeUndefined();
  });

  it('gives the bytes of a blob with their type', async () => {
    await using server = await ScriptedServer.start((response) => {
      response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from([1, 2]));
    });
    expect(await clientOf(server).runs.getBlob('r', 'sha256-00')).toEqual({
      bytes: new Uint8Array([1, 2]),
      mediaType: 'image/png',
    });
  });
});

describe('an error', () => {
  it('carries what problem+json says', async () => {
    const winner = {
      by: { type: 'principal', id: 'p', name: 'Ada' },
      at: 't',
      outcome: 'deny',
      digest: null,
    };
    await using server = await ScriptedServer.start(problem(409, 'wait_closed', { winner }));
    const error = await clientOf(server)
      .waits.answer('w', { decision: 'approve' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FermataError);
    expect(error).toMatchObject({
      name: 'FermataError',
      code: 'wait_closed',
      status: 409,
      retryable: false,
      message: 'It is wait_closed.',
      requestId: 'req-1',
      details: { winner },
    });
    expect(server.requests).toHaveLength(1);
  });

  it('is made of the status when a proxy answers', async () => {
    await using server = await ScriptedServer.start(
      (response) => void response.writeHead(403).end('<p>No</p>'),
    );
    await expect(clientOf(server).me()).rejects.toMatchObject({ code: 'forbidden', status: 403 });
  });

  it('tells a reply that is not JSON', async () => {
    await using server = await ScriptedServer.start((response) => void response.end('<html>'));
    await expect(clientOf(server).me()).rejects.toMatchObject({ code: 'invalid_reply' });
  });

  it('is not repeated for internal faults', async () => {
    await using server = await ScriptedServer.start(problem(500, 'internal', { retryable: true }));
    await expect(clientOf(server).me()).rejects.toMatchObject({ code: 'internal', retryable: true });
    expect(server.requests).toHaveLength(1);
  });
});

describe('retries', () => {
  it('send a mutation again under the same key, and the next call under another', async () => {
    await using server = await ScriptedServer.start(unavailable, cut, json(200, {}));
    const client = clientOf(server);
    await client.runs.pause('r');
    await client.runs.pause('r');
    const keys = server.requests.map((request) => request.headers['idempotency-key']);
    expect(keys).toHaveLength(4);
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[3]).not.toBe(keys[0]);
  });

  it('use the key of the caller', async () => {
    await using server = await ScriptedServer.start(json(200, {}));
    await clientOf(server).runs.cancel('r', {}, { idempotencyKey: 'mine' });
    expect(server.requests[0]?.headers['idempotency-key']).toBe('mine');
  });

  it('happen for 429, gateways and a twin in flight', async () => {
    await using server = await ScriptedServer.start(
      problem(429, 'rate_limited', {}, { 'retry-after': '0' }),
      (response) => void response.writeHead(502).end('bad gateway'),
      problem(409, 'idempotency_in_flight', { retryable: true }),
      json(200, { ok: 1 }),
    );
    expect(await clientOf(server).me()).toEqual({ ok: 1 });
  });

  it('end after the last one with its error', async () => {
    await using server = await ScriptedServer.start(unavailable);
    await expect(clientOf(server, { maxRetries: 2 }).me()).rejects.toMatchObject({ code: 'unavailable' });
    expect(server.requests).toHaveLength(3);
  });

  it('wait as long as the server asks, and not at all when that is too long', async () => {
    await using patient = await ScriptedServer.start(
      problem(503, 'unavailable', { retryAfterMs: 40 }),
      json(200, {}),
    );
    const started = performance.now();
    await clientOf(patient).me();
    expect(performance.now() - started).toBeGreaterThanOrEqual(38);
    await using busy = await ScriptedServer.start(
      problem(429, 'quota_exceeded', {}, { 'retry-after': '3600' }),
    );
    await expect(clientOf(busy).me()).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
    expect(busy.requests).toHaveLength(1);
  });

  it('follow a time-out', async () => {
    await using server = await ScriptedServer.start(() => undefined, json(200, { ok: 1 }));
    expect(await clientOf(server, { timeoutMs: 60 }).me()).toEqual({ ok: 1 });
    await using mute = await ScriptedServer.start(() => undefined);
    await expect(clientOf(mute, { timeoutMs: 30, maxRetries: 0 }).me()).rejects.toMatchObject({
      code: 'timed_out',
    });
  });

  it('stop when the caller aborts', async () => {
    await using server = await ScriptedServer.start(problem(503, 'unavailable', { retryAfterMs: 45 }));
    const reason = new Error('enough');
    const controller = new AbortController();
    const call = clientOf(server).me({ signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  it('are spaced by doubling pauses, half of each at random', () => {
    const times = { firstMs: 100, longestMs: 1000 };
    expect([1, 2, 3, 4, 5, 6].map((n) => backoffMs(n, times, () => 1))).toEqual([
      100, 200, 400, 800, 1000, 1000,
    ]);
    expect(backoffMs(3, times, () => 0)).toBe(200);
  });

  it('read Retry-After as seconds or a date', () => {
    expect(readRetryAfter('2')).toBe(2000);
    expect(readRetryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6000);
    expect(readRetryAfter('soon')).toBeNull();
    expect(readRetryAfter(null)).toBeNull();
  });
});

describe('a list', () => {
  it('is one page when awaited, and every item when iterated', async () => {
    await using server = await ScriptedServer.start((response, request) => {
      const isSecond = request.url.includes('cursor=c2');
      const page = isSecond ? { data: [3], nextCursor: null } : { data: [1, 2], nextCursor: 'c2' };
      return json(200, page)(response, request);
    });
    const list = clientOf(server).runs.list({ limit: 2 });
    expect(server.requests).toHaveLength(0);
    expect(await list).toEqual({ data: [1, 2], nextCursor: 'c2' });
    const items: unknown[] = [];
    for await (const item of list) items.push(item);
    expect(items).toEqual([1, 2, 3]);
    expect(server.requests.map((request) => request.url)).toEqual([
      '/native/v1/runs?limit=2',
      '/native/v1/runs?limit=2',
      '/native/v1/runs?limit=2&cursor=c2',
    ]);
  });

  it('of events goes on by seq, in both orders', async () => {
    await using server = await ScriptedServer.start(
      json(200, { data: [1], nextCursor: '7' }),
      json(200, { data: [2], nextCursor: null }),
      json(200, { data: [3], nextCursor: '4' }),
      json(200, { data: [4], nextCursor: null }),
    );
    const { runs } = clientOf(server);
    for await (const _event of runs.listEvents('r')) continue;
    for await (const _event of runs.listEvents('r', { order: 'desc' })) continue;
    expect(server.requests.map((request) => request.url.split('?')[1])).toEqual([
      undefined,
      'after=7',
      'order=desc',
      'order=desc&before=4',
    ]);
  });

  it('throws its refusal', async () => {
    await using server = await ScriptedServer.start(problem(401, 'unauthenticated'));
    await expect(Promise.resolve(clientOf(server).waits.list())).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });
});
