import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { RuntypeClient } from './runtype-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());

describe('the face', () => {
  verifies(['http.errors'], async () => {
    const unknown = await runtype().request('GET', '/v1/nowhere');
    expect(unknown.status).toBe(404);
    expect(unknown.body).toMatchObject({ error: 'Not Found' });
  });

  verifies(['http.cors'], async () => {
    const headers = {
      origin: 'https://shop.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,x-persona-version,x-host-extra',
    };
    const preflight = await runtype().request('OPTIONS', '/v1/dispatch', { headers, key: null });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(preflight.headers.get('vary')).toBe('Origin');
    const allowed = preflight.headers.get('access-control-allow-headers') ?? '';
    for (const name of ['Content-Type', 'Authorization', 'X-Persona-Version', 'X-Visitor-Token']) {
      expect(allowed).toContain(name);
    }
    expect(allowed).toContain('x-host-extra');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
  });
});
