import { connect } from 'node:net';
import { problemSchema, type Problem } from '@fermata/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EngineError } from '../../engine/errors.ts';
import { startApp, type AppFixture } from '../../http/testing/app-fixture.ts';
import { ACTOR, AT, fakeRun, RUN_ID } from '../../http/testing/fake-engine.ts';
import { nativeFace } from './native-face.ts';

let fixture: AppFixture;
beforeAll(async () => {
  fixture = await startApp([nativeFace()]);
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});
beforeEach(() => {
  fixture.fake.runs.clear();
  fixture.fake.runs.set(RUN_ID, fakeRun());
  fixture.fake.calls.length = 0;
  fixture.logged.length = 0;
});

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const problem = problemSchema.parse(await response.json());
  expect(problem.status).toBe(response.status);
  expect(problem.type).toBe(`/docs/errors#${problem.code}`);
  expect(problem.instance).toBe(response.headers.get('request-id'));
  return problem;
}

async function codeOf(response: Response): Promise<string> {
  return (await problemOf(response)).code;
}

describe('keys and roles', () => {
  it('refuses a request without a key, with an unknown key, and with a broken header', async () => {
    for (const headers of [{}, { authorization: 'Bearer nobody' }, { authorization: 'Basic abc' }]) {
      const response = await fixture.request('GET', `/v1/runs/${RUN_ID}`, { key: null, headers });
      expect(await codeOf(response)).toBe('unauthenticated');
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('takes the key from X-API-Key too', async () => {
    const response = await fixture.request('GET', `/v1/runs/${RUN_ID}`, {
      key: null,
      headers: { 'x-api-key': 'viewer-key' },
    });
    expect(response.status).toBe(200);
  });

  it('checks the role before it looks anything up or reads the body', async () => {
    const response = await fixture.request('POST', '/v1/runs/no-such-run/pause', {
      key: 'viewer-key',
      body: '{broken',
      headers: { 'content-type': 'application/json' },
    });
    expect(await codeOf(response)).toBe('forbidden');
    expect(fixture.fake.calls).toEqual([]);
  });

  it('lets an operator pause but not start, and a developer start but not make keys', async () => {
    const pause = await fixture.request('POST', `/v1/runs/${RUN_ID}/pause`, { key: 'operator-key' });
    expect(pause.status).toBe(200);
    const start = await fixture.request('POST', '/v1/runs', { key: 'operator-key', json: {} });
    expect(await codeOf(start)).toBe('forbidden');
    const key = await fixture.request('POST', '/v1/keys', { json: { name: 'x', role: 'viewer' } });
    expect(await codeOf(key)).toBe('forbidden');
  });

  it('never logs the key', async () => {
    await fixture.request('GET', '/v1/runs/unknown', { key: 'developer-key' });
    await fixture.request('GET', '/v1/runs', { key: 'some-secret-key' });
    expect(fixture.logged.length).toBe(2);
    expect(JSON.stringify(fixture.logged)).not.toMatch(/developer-key|some-secret-key|[Bb]earer /);
  });
});

describe('bodies', () => {
  const pause = `/v1/runs/${RUN_ID}/pause`;

  it('takes an empty body as none, whatever its content type', async () => {
    const types = ['application/json', 'text/plain', 'application/octet-stream', 'nonsense', 'a/b; charset'];
    for (const type of types) {
      const response = await fixture.request('POST', pause, { headers: { 'content-type': type } });
      expect(response.status, type).toBe(200);
    }
    expect(fixture.fake.calls.map((call) => call.args[1])).toEqual(types.map(() => ({})));
  });

  it('takes an empty chunked body as none', async () => {
    const reply = await rawExchange(
      `POST ${pause} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer operator-key\r\nContent-Type: text/csv\r\n` +
        'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
    );
    expect(reply).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('answers 415 for a body of another type, also without one and with an encoding', async () => {
    const bodies = [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': 'nonsense' },
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    ];
    for (const headers of bodies) {
      const response = await fixture.request('POST', pause, { body: '{}', headers });
      expect(await codeOf(response), JSON.stringify(headers)).toBe('unsupported_media_type');
    }
  });

  it('takes JSON of every name', async () => {
    for (const type of [
      'application/json',
      'application/json; charset=utf-8',
      'application/merge-patch+json',
    ]) {
      const response = await fixture.request('POST', pause, {
        body: '{}',
        headers: { 'content-type': type },
      });
      expect(response.status, type).toBe(200);
    }
  });

  it('answers 400 for a body that is not JSON', async () => {
    for (const body of ['{', 'hello', '{"a":1}x', '\u0000']) {
      const response = await fixture.request('POST', pause, {
        body,
        headers: { 'content-type': 'application/json' },
      });
      expect(await codeOf(response), body).toBe('malformed_json');
    }
  });

  it('answers 422 for JSON that is no object, naming the place', async () => {
    for (const json of [null, [], 'text', 3]) {
      const problem = await problemOf(await fixture.request('POST', pause, { json }));
      expect(problem.code).toBe('invalid_request');
      expect(problem.errors?.[0]?.path).toBe('body');
    }
  });

  it('answers 422 for JSON with 6,000 levels and 413 for a million small values, at once', async () => {
    const headers = { 'content-type': 'application/json' };
    const deep = `{"metadata":${'['.repeat(6000)}${']'.repeat(6000)}}`;
    const problem = await problemOf(await fixture.request('POST', '/v1/runs', { body: deep, headers }));
    expect(problem.code).toBe('invalid_request');
    const wide = `[${'{},'.repeat(1_000_000)}0]`;
    expect(await codeOf(await fixture.request('POST', '/v1/runs', { body: wide, headers }))).toBe(
      'payload_too_large',
    );
  });

  it('answers 413 for a body above 4 MiB, with and without a declared length', async () => {
    const big = `{"input":"${'x'.repeat(5 * 1024 * 1024)}"}`;
    const headers = { 'content-type': 'application/json' };
    const declared = await fixture.request('POST', '/v1/runs', { body: big, headers });
    expect(await codeOf(declared)).toBe('payload_too_large');
    const chunked = await fetch(`${fixture.url}/v1/runs`, {
      method: 'POST',
      headers: { ...headers, authorization: 'Bearer developer-key' },
      body: new Blob([big]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(await codeOf(chunked)).toBe('payload_too_large');
  });

  it('keeps __proto__ a plain member, and replaces what cannot be stored', async () => {
    const response = await fixture.request('POST', '/v1/runs', {
      body: '{"metadata":{"__proto__":{"polluted":true},"text":"a\\u0000b\\ud800c"}}',
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(201);
    expect(Object.prototype).not.toHaveProperty('polluted');
    const start = fixture.fake.calls.find((call) => call.name === 'start')?.args[0] as { metadata: object };
    expect(Object.getPrototypeOf(start.metadata)).toBe(Object.prototype);
    expect(JSON.stringify(start.metadata)).toBe('{"__proto__":{"polluted":true},"text":"a\ufffdb\ufffdc"}');
  });

  it('refuses unknown members, with their place, but not in metadata and input', async () => {
    const problem = await problemOf(
      await fixture.request('POST', '/v1/runs', {
        json: { inputs: 'x', agent: { model: 'm', tols: [] }, limits: { maxTurn: 1 } },
      }),
    );
    expect(problem.errors?.map((error) => error.path)).toEqual([
      'body.agent.tols',
      'body.limits.maxTurn',
      'body.inputs',
    ]);
    const open = await fixture.request('POST', '/v1/runs', {
      json: { input: { anything: 1 }, metadata: { of: { mine: [] } } },
    });
    expect(open.status).toBe(201);
  });

  it('names the place of a wrong value within a union', async () => {
    const problem = await problemOf(
      await fixture.request('POST', '/v1/runs', {
        json: { agent: { tools: [{ type: 'client', name: '1 bad name' }] } },
      }),
    );
    expect(problem.errors?.map((error) => error.path)).toEqual(['body.agent.tools[0].name']);
  });
});

describe('paths and methods', () => {
  it('folds repeated and trailing slashes, on both prefixes', async () => {
    for (const path of [`/v1//runs/${RUN_ID}/`, `//native/v1/runs///${RUN_ID}`, `/v1/runs/${RUN_ID}//?`]) {
      expect((await fixture.request('GET', path)).status, path).toBe(200);
    }
  });

  it('takes a path parameter of 1,024 characters to the engine, and finds nothing for a longer one', async () => {
    expect(await codeOf(await fixture.request('GET', `/v1/runs/${'a'.repeat(1024)}`))).toBe('not_found');
    expect(fixture.fake.calls).toEqual([{ name: 'get', args: ['a'.repeat(1024)] }]);
    fixture.fake.calls.length = 0;
    expect(await codeOf(await fixture.request('GET', `/v1/runs/${'a'.repeat(1025)}`))).toBe('not_found');
    expect(fixture.fake.calls).toEqual([]);
  });

  it('finds nothing for a path that cannot be decoded or stored', async () => {
    for (const path of ['/v1/runs/%zz', '/v1/runs/%ff', '/v1/runs/%00']) {
      expect(await codeOf(await fixture.request('GET', path)), path).toBe('not_found');
    }
  });

  it('answers 404 for an unknown path and 405 with Allow for an unknown method', async () => {
    expect(await codeOf(await fixture.request('GET', '/v1/nothing', { key: null }))).toBe('not_found');
    expect(await codeOf(await fixture.request('GET', '/nothing', { key: null }))).toBe('not_found');
    const posted = { body: 'text', headers: { 'content-type': 'text/plain' } };
    expect(await codeOf(await fixture.request('POST', '/v1/nothing', posted))).toBe('not_found');
    expect(await codeOf(await fixture.request('POST', '/nothing', posted))).toBe('not_found');
    const response = await fixture.request('DELETE', `/v1/runs/${RUN_ID}`);
    expect(response.headers.get('allow')).toBe('HEAD, GET, PATCH');
    expect(await codeOf(response)).toBe('method_not_allowed');
    expect(await codeOf(await fixture.request('GET', `/v1/runs/${RUN_ID}/pause`))).toBe('method_not_allowed');
  });

  it('answers HEAD as GET without a body, also where GET would stream', async () => {
    const response = await fixture.request('HEAD', `/v1/runs/${RUN_ID}`, {
      headers: { accept: 'text/event-stream' },
    });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(100);
    expect(await response.text()).toBe('');
  });
});

describe('queries', () => {
  it('reads comma lists, repeated parameters, numbers and metadata', async () => {
    const response = await fixture.request(
      'GET',
      '/v1/runs?status=paused,waiting&status=failed&limit=7&metadata.team=a&metadata.x.y=b&q=%00',
    );
    expect(response.status).toBe(200);
    expect(fixture.fake.calls[0]?.args[0]).toEqual({
      status: ['paused', 'waiting', 'failed'],
      limit: 7,
      metadata: { team: 'a', 'x.y': 'b' },
      q: '\ufffd',
    });
  });

  it('refuses unknown parameters and wrong values, with their place', async () => {
    const problem = await problemOf(
      await fixture.request('GET', '/v1/runs?limit=101&stauts=paused&origin=elsewhere&createdAfter=today'),
    );
    expect(problem.errors?.map((error) => error.path).sort()).toEqual([
      'query.createdAfter',
      'query.limit',
      'query.origin[0]',
      'query.stauts',
    ]);
    for (const query of [
      'limit=',
      'limit=1e1',
      'limit=-1',
      'limit=1&limit=2',
      'limit=99999999999999999999',
    ]) {
      expect(await codeOf(await fixture.request('GET', `/v1/runs?${query}`)), query).toBe('invalid_request');
    }
  });

  it('asks for a preview alone with dryRun, stores no file of it and keeps no reply of it', async () => {
    const url = 'data:image/png;base64,aGVsbG8=';
    const request = (): Promise<Response> =>
      fixture.request('POST', `/v1/runs/${RUN_ID}/resume?dryRun=true`, {
        json: { messages: [{ content: [{ type: 'image', url }] }] },
        headers: { 'idempotency-key': 'dry' },
      });
    const response = await request();
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ preview: { next: 'turn' } });
    expect((await request()).headers.get('idempotency-replayed')).toBeNull();
    expect(fixture.fake.calls.map(({ name }) => name)).toEqual(['previewResume', 'previewResume']);
    const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
    expect(JSON.stringify(fixture.fake.calls)).toContain(`blob:sha256-${sha256}`);
    expect(fixture.fake.blobs.size).toBe(0);
  });
});

describe('errors of the engine', () => {
  it('shows every detail of a refusal', async () => {
    fixture.fake.failNext(
      new EngineError('wait_closed', 'Ada was first.', {
        currentStatus: 'running',
        openWaits: [],
        holds: [],
        winner: { by: ACTOR, at: AT, outcome: 'approve', digest: 'abc' },
        digest: 'def',
      }),
    );
    const problem = await problemOf(await fixture.request('POST', `/v1/runs/${RUN_ID}/pause`));
    expect(problem).toMatchObject({
      code: 'wait_closed',
      status: 409,
      detail: 'Ada was first.',
      retryable: false,
      currentStatus: 'running',
      openWaits: [],
      holds: [],
      winner: { by: ACTOR, at: AT, outcome: 'approve', digest: 'abc' },
      digest: 'def',
    });
    expect(fixture.logged).toMatchObject([{ level: 30, code: 'wait_closed', status: 409 }]);
  });

  it('gives Retry-After in whole seconds', async () => {
    fixture.fake.failNext(new EngineError('unavailable', 'The queue is full.', { retryAfterMs: 1200 }));
    const response = await fixture.request('POST', `/v1/runs/${RUN_ID}/pause`);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await problemOf(response)).toMatchObject({ status: 503, retryable: true, retryAfterMs: 1200 });
  });

  it('keeps the message of an unknown error to itself, and logs it once with its cause', async () => {
    fixture.fake.failNext(new TypeError('password=hunter2'));
    const problem = await problemOf(await fixture.request('POST', `/v1/runs/${RUN_ID}/pause`));
    expect(problem.code).toBe('internal');
    expect(JSON.stringify(problem)).not.toContain('hunter2');
    expect(fixture.logged).toHaveLength(1);
    expect(fixture.logged[0]).toMatchObject({ level: 50, code: 'internal', requestId: problem.instance });
    expect(JSON.stringify(fixture.logged[0])).toContain('hunter2');
  });

  it('keeps the message of an internal EngineError to itself too', async () => {
    fixture.fake.failNext(new EngineError('internal', 'relation "runs" does not exist'));
    const problem = await problemOf(await fixture.request('POST', `/v1/runs/${RUN_ID}/pause`));
    expect(problem.detail).not.toContain('relation');
  });

  it('does not answer with what its own schema forbids', async () => {
    fixture.fake.runs.set(RUN_ID, { ...fakeRun(), head: 'seven' as unknown as number });
    expect(await codeOf(await fixture.request('GET', `/v1/runs/${RUN_ID}`))).toBe('internal');
  });
});

/** Sends bytes that no client library would send; the whole reply as text. */
function rawExchange(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(fixture.port, '127.0.0.1', () => socket.write(request));
    let reply = '';
    socket.on('data', (chunk) => (reply += chunk.toString()));
    socket.on('end', () => resolve(reply));
    socket.on('error', reject);
  });
}
