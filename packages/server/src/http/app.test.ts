import { afterEach, describe, expect, it } from 'vitest';
import { EngineError } from '../engine/errors.ts';
import type { Face } from './face.ts';
import { replaceBodyParser } from './body-parsers.ts';
import { sendProblem } from './problem.ts';
import { startApp, type AppFixture } from './testing/app-fixture.ts';

/** A face in the shape of a vendor's: its own errors, 404 and body rules. */
function vendorFace(): Face {
  return {
    name: 'telnyx',
    title: 'Vendor API',
    prefixes: ['/telnyx/v2'],
    rootPrefix: '/v2',
    register(app) {
      replaceBodyParser(app, (_request, body) => body.toString());
      app.get('/things/:id', (_request, reply) => reply.send({ thing: true }));
      app.post('/things', (request, reply) => reply.send({ body: request.body ?? null }));
      app.get('/broken', () => {
        throw new EngineError('held', 'held');
      });
    },
    sendError: (error, _request, reply) =>
      reply.code(418).send({ vendor: error instanceof EngineError ? error.code : 'unknown' }),
    notFound: (_request, reply) => reply.code(404).send({ vendor: 'nothing' }),
  };
}

/** A native API that answers `{native: true}` to one path. */
function smallNativeFace(): Face {
  return {
    name: 'native',
    title: 'Native API',
    prefixes: ['/native/v1', '/v1'],
    rootPrefix: '/v1',
    register(app) {
      app.get('/ping', (_request, reply) => reply.send({ native: true }));
      app.get('/broken', () => {
        throw new EngineError('held', 'held');
      });
    },
    sendError: (error, request, reply) => sendProblem(error, request, reply),
    notFound: (request, reply) => sendProblem(new EngineError('not_found', 'nothing'), request, reply),
    openApi: () => ({
      openapi: '3.1.0',
      info: { title: 'T', version: '1', description: 'D' },
      servers: [],
      tags: [],
      security: [],
      paths: {},
      components: { schemas: {}, securitySchemes: {} },
    }),
  };
}

let fixture: AppFixture;
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

async function json(path: string, init: { method?: string; body?: string } = {}): Promise<unknown> {
  const response = await fixture.request(init.method ?? 'GET', path, {
    key: null,
    ...(init.body !== undefined && { body: init.body }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}

describe('faces side by side', () => {
  it('keep their errors, 404s and body rules to themselves', async () => {
    fixture = await startApp([smallNativeFace(), vendorFace()]);
    expect(await json('/telnyx/v2/broken')).toEqual({ status: 418, vendor: 'held' });
    expect(await json('/v1/broken')).toMatchObject({ status: 409, code: 'held' });
    expect(await json('/telnyx/v2/nothing')).toEqual({ status: 404, vendor: 'nothing' });
    expect(await json('/telnyx/v2')).toEqual({ status: 404, vendor: 'nothing' });
    expect(await json('/native/v1/nothing')).toMatchObject({ status: 404, code: 'not_found' });
    expect(await json('/nothing')).toMatchObject({ status: 404, code: 'not_found' });
    expect(await json('/telnyx/v2//things/', { method: 'POST', body: 'plain' })).toEqual({
      status: 200,
      body: 'plain',
    });
  });

  it('gives everything else to the root face, and keeps the native API at its own prefix', async () => {
    fixture = await startApp([smallNativeFace(), vendorFace()], { rootFace: 'telnyx' });
    expect(await json('/v2/things/1')).toEqual({ status: 200, thing: true });
    expect(await json('/telnyx/v2/things/1')).toEqual({ status: 200, thing: true });
    expect(await json('/v2/broken')).toEqual({ status: 418, vendor: 'held' });
    for (const path of ['/', '/v1/ping', '/anything/else', '/v2/nothing']) {
      expect(await json(path), path).toEqual({ status: 404, vendor: 'nothing' });
    }
    expect(await json('/native/v1/ping')).toEqual({ status: 200, native: true });
    expect(await json('/native/v1/nothing')).toMatchObject({ code: 'not_found' });
    expect((await fixture.request('GET', '/healthz', { key: null })).status).toBe(200);
  });
});

describe('the pages and probes', () => {
  it('shows version and base URLs at /, as a page or as JSON', async () => {
    fixture = await startApp([smallNativeFace(), vendorFace()]);
    const page = await fixture.request('GET', '/', { key: null, headers: { accept: 'text/html' } });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const text = await page.text();
    expect(text).toContain('0.0.0-test');
    expect(text).toContain(`${fixture.url}/telnyx/v2`);
    const facts = await fixture.request('GET', '/', { key: null, headers: { accept: 'application/json' } });
    expect(await facts.json()).toMatchObject({
      version: '0.0.0-test',
      docs: '/docs',
      faces: [
        { name: 'native', url: `${fixture.url}/native/v1`, openapi: '/openapi/native.json' },
        { name: 'telnyx', url: `${fixture.url}/telnyx/v2`, openapi: null },
      ],
    });
  });

  it('uses the public URL where one is set', async () => {
    fixture = await startApp([smallNativeFace()], {
      serverInfo: { version: '1', publicUrl: 'https://runs.example' },
    });
    const facts = await fixture.request('GET', '/', { key: null, headers: { accept: 'application/json' } });
    expect(await facts.json()).toMatchObject({ faces: [{ url: 'https://runs.example/native/v1' }] });
  });

  it('escapes the host that a request names', async () => {
    fixture = await startApp([smallNativeFace()]);
    const reply = await fixture.app.inject({
      url: '/',
      headers: { host: 'x"><script>alert(1)</script>', accept: 'text/html' },
    });
    expect(reply.body).not.toContain('<script>');
  });

  it('serves the reference, each error at its anchor, and the OpenAPI document', async () => {
    fixture = await startApp([smallNativeFace()]);
    expect(await (await fixture.request('GET', '/docs', { key: null })).text()).toContain('/docs/native');
    expect((await fixture.request('GET', '/docs/native', { key: null })).status).toBe(200);
    expect(await (await fixture.request('GET', '/docs/errors', { key: null })).text()).toContain(
      'id="wait_closed"',
    );
    expect(await json('/openapi/native.json')).toMatchObject({ openapi: '3.1.0' });
    expect(await json('/openapi/nobody.json')).toMatchObject({ status: 404 });
  });

  it('says whether it is ready, and why not', async () => {
    let ready: boolean | string = true;
    fixture = await startApp([smallNativeFace()], { isReady: () => Promise.resolve(ready) });
    expect((await fixture.request('GET', '/healthz', { key: null })).status).toBe(200);
    expect((await fixture.request('GET', '/readyz', { key: null })).status).toBe(200);
    ready = 'draining';
    const response = await fixture.request('GET', '/readyz', { key: null });
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'not_ready', reason: 'draining' });
    const metrics = await fixture.request('GET', '/metrics', { key: null });
    expect(metrics.headers.get('content-type')).toContain('text/plain');
  });

  it('lets only the origins that are allowed read its replies', async () => {
    fixture = await startApp([smallNativeFace()]);
    const ask = (origin: string): Promise<Response> =>
      fixture.request('GET', '/v1/ping', { key: null, headers: { origin } });
    const allowed = await ask('https://app.example');
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(allowed.headers.get('access-control-expose-headers')).toContain('Fermata-Run-Id');
    expect((await ask('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    const preflight = await fixture.request('OPTIONS', '/v1/ping', {
      key: null,
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,idempotency-key',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key');
  });
});
