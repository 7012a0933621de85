import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { ShannonClient } from './shannon-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ servers: 2 });

describe('rate limits', () => {
  verifies(['http.limits'], async () => {
    const [here, there] = world().servers.map(
      ({ url }) => new ShannonClient(`${url}/shannon`, world().api.key),
    );
    if (here === undefined || there === undefined) throw new Error('two servers are needed');
    const first = await here.request('GET', '/api/v1/tasks');
    expect(first.status).toBe(200);
    expect(first.headers.get('x-ratelimit-limit-minute')).toBe('60');
    expect(first.headers.get('x-ratelimit-limit-hour')).toBe('1000');
    expect(Number(first.headers.get('x-ratelimit-remaining-minute'))).toBe(59);
    expect(Number(first.headers.get('x-ratelimit-remaining-hour'))).toBe(999);
    const resetIn = Number(first.headers.get('x-ratelimit-reset')) - Date.now() / 1000;
    expect(resetIn).toBeGreaterThan(0);
    expect(resetIn).toBeLessThanOrEqual(62);
    // Processes count together, and what is not limited neither counts nor tells.
    const second = await there.request('GET', '/api/v1/sessions');
    expect(second.headers.get('x-ratelimit-remaining-minute')).toBe('58');
    const me = await here.request('GET', '/api/v1/auth/me');
    expect(me.headers.get('x-ratelimit-remaining-minute')).toBeNull();
    const more = await Promise.all(
      Array.from({ length: 70 }, (_, index) =>
        (index % 2 === 0 ? here : there).request('GET', '/api/v1/tasks'),
      ),
    );
    expect(more.filter(({ status }) => status === 200)).toHaveLength(58);
    const refused = await here.request('POST', '/api/v1/tasks', { body: { query: 'hello' } });
    expect(refused.status).toBe(429);
    expect(refused.body).toEqual({
      error: 'Rate limit exceeded',
      message: expect.stringMatching(/^Too many requests\. minute limit exceeded\./) as unknown,
      window: 'minute',
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(refused.headers.get('x-ratelimit-remaining-minute')).toBe('0');
    expect((await here.request('GET', '/api/v1/auth/me')).status).toBe(200);
  });
});
