import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { CodegenClient, codegenOf, type CodegenRun } from './codegen-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({
  env: { FERMATA_ROOT_DIALECT: 'codegen', FERMATA_PUBLIC_URL: 'https://runs.example/base' },
});

describe('as the root face', () => {
  verifies(['shape.root'], async () => {
    const root = new CodegenClient(world().url, world().api.key);
    for (const client of [root, codegenOf(world())]) {
      const run = await client.ok<CodegenRun>('POST', '/v1/organizations/1/agent/run', { prompt: 'hello' });
      expect(run.web_url).toBe(`https://runs.example/base/codegen/agent/trace/${run.id}`);
      expect(await client.get(run.id)).toMatchObject({ id: run.id });
      for (const path of ['/nowhere', '/v1/nowhere', '/v1/runs']) {
        expect((await client.request('GET', path)).body).toEqual({
          message: 'Not Found',
          status_code: 404,
          detail: 'Not Found',
        });
      }
      expect((await client.request('GET', '/v1/users/me', { key: 'wrong' })).status).toBe(401);
      expect((await client.request('GET', '/v1/organizations/2/users')).status).toBe(403);
      expect((await client.request('GET', `/agent/trace/${run.id}`, { key: null })).status).toBe(302);
      const preflight = await client.request('OPTIONS', '/v1/users/me', {
        key: null,
        headers: { origin: 'https://a.example', 'access-control-request-method': 'GET' },
      });
      expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    }
    const native = await fetch(`${world().url}/native/v1/runs`, {
      headers: { authorization: `Bearer ${world().api.key}` },
    });
    expect(native.status).toBe(200);
    for (const path of ['/healthz', '/docs/codegen', '/openapi/codegen.json']) {
      expect((await fetch(world().url + path)).status).toBe(200);
    }
    const broken = await root.request('POST', '/v1/organizations/1/agent/run', { raw: '{' });
    expect(broken.status).toBe(422);
  });
});
