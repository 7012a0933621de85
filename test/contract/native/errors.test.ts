import type { CreateKeyReply, Problem } from '@fermata/protocol';
import { beforeAll, describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { operationsOf, readDocument, type DocumentedOperation } from './operations-document.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ servers: 2 });
const LATER = '2090-01-01T00:00:00.000Z';
let operations: DocumentedOperation[];

beforeAll(async () => {
  operations = operationsOf(await readDocument(world()));
});

describe('errors', () => {
  verifies(['error.form'], async () => {
    const reply = await world().api.request<Problem>('GET', '/v1/runs/nothing');
    expect(reply.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(reply.headers.get('cache-control')).toBe('no-store');
    expect(reply.body).toEqual({
      type: '/docs/errors#not_found',
      title: 'There is no such thing',
      status: 404,
      detail: expect.any(String) as string,
      instance: reply.headers.get('request-id'),
      code: 'not_found',
      retryable: false,
    });
    const page = await fetch(`${world().url}/docs/errors`);
    expect(await page.text()).toContain('id="not_found"');
    expect(world().logs.some((line) => line.includes(reply.body.instance))).toBe(true);
  });

  verifies(['error.text-made-storable'], async () => {
    const { api } = world();
    const raw =
      '{"input":"a\\u0000b\\ud800c\\udc00d","title":"\\u0000","metadata":{"k\\u0000":"\\udfff"},"script":[{"text":"x"}]}';
    const started = await api.request<{ id: string }>('POST', '/v1/runs', { raw });
    expect(started.status).toBe(201);
    expect(started.body).toMatchObject({
      input: 'a\ufffdb\ufffdc\ufffdd',
      title: '\ufffd',
      metadata: { 'k\ufffd': '\ufffd' },
    });
    const run = await world().script(
      [{ text: 'a\u0000b', toolCalls: [{ tool: 'lookup', args: { q: '\ud800' } }] }, { text: 'x' }],
      {
        tools: [{ type: 'client', name: 'lookup' }],
      },
    );
    await api.reaches(run.id, 'waiting');
    const [wait] = await api.openWaits(run.id);
    expect(wait?.args).toEqual({ q: '\ufffd' });
    await api.answer(wait?.id ?? '', { output: { text: '\u0000\ud800' } });
    await api.reaches(run.id, 'succeeded');
    expect(JSON.stringify(await api.messages(run.id))).not.toMatch(/\\u0000|\\ud800/);
  });
});

describe('the idempotency key', () => {
  const keyed = (key: string): Record<string, string> => ({ 'idempotency-key': key });

  verifies(['idempotency.replay', 'idempotency.conflict'], async () => {
    const headers = keyed('start-1');
    const body = { input: 'x', startAt: LATER, metadata: { a: 1, b: 2 } };
    const first = await world().api.request('POST', '/v1/runs', { body, headers });
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    for (const [client, base] of [
      [world().api, '/v1'],
      [world().second, '/v1'],
      [world().api, '/native/v1'],
    ] as const) {
      const again = await client.request('POST', `${base}/runs`, {
        body: { metadata: { b: 2, a: 1 }, startAt: LATER, input: 'x' },
        headers,
      });
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
      expect(again.body).toEqual(first.body);
      expect(again.headers.get('location')).toMatch(/\/runs\/[0-9a-f-]{36}$/);
    }
    const other = await world().api.request('POST', '/v1/runs', { body: { ...body, input: 'y' }, headers });
    expect([other.status, other.body]).toMatchObject([
      422,
      { code: 'idempotency_conflict', retryable: false },
    ]);
  });

  verifies(['idempotency.every-mutation'], () => {
    const mutations = operations.filter(({ method }) => method === 'POST' || method === 'PATCH');
    expect(mutations.length).toBeGreaterThan(15);
    return readDocument(world()).then((document) => {
      for (const { path, method, operationId } of mutations) {
        const operation = document.paths[path]?.[method.toLowerCase()];
        const names = (operation?.parameters ?? []).map((parameter) => parameter.name);
        expect([operationId, names.includes('Idempotency-Key')]).toEqual([operationId, true]);
      }
    });
  });

  verifies(['idempotency.secret'], async () => {
    const body = { name: 'once', role: 'viewer' };
    const first = await world().api.request<CreateKeyReply>('POST', '/v1/keys', {
      body,
      headers: keyed('key-1'),
    });
    expect(first.body.secret).toMatch(/^fermata_/);
    const again = await world().api.request<CreateKeyReply>('POST', '/v1/keys', {
      body,
      headers: keyed('key-1'),
    });
    expect(again.body).toEqual({ ...first.body, secret: null });
    const stored = await world().database
      .sql`select 1 from replies where body like ${`%${first.body.secret ?? ''}%`}`;
    expect(stored).toHaveLength(0);
  });

  verifies(['idempotency.bad-key'], async () => {
    const reply = await world().api.request('POST', '/v1/runs', {
      body: { input: 'x' },
      headers: keyed('k'.repeat(256)),
    });
    expect(reply.body).toMatchObject({
      code: 'invalid_request',
      errors: [{ path: 'headers.idempotency-key' }],
    });
    expect(reply.status).toBe(422);
  });

  verifies(
    ['idempotency.in-flight'],
    async () => {
      const { api, second, database } = world();
      const run = await api.start({ input: 'x', startAt: LATER });
      const path = `/v1/runs/${run.id}/notes`;
      const body = { type: 'n' };
      const replies = await database.sql.begin(async (sql) => {
        await sql`set local idle_in_transaction_session_timeout = 0`;
        await sql`select 1 from run_state where run_id = ${run.id} for update`;
        // Each waits for the row, or for the one that waits for it.
        const twins = [api, second].map((client) =>
          client.request('POST', path, { body, headers: keyed('twin') }),
        );
        const early = await Promise.race(twins);
        return { early, twins };
      });
      expect([replies.early.status, replies.early.body]).toMatchObject([
        409,
        { code: 'idempotency_in_flight', retryable: true },
      ]);
      await Promise.all(replies.twins);
      // As it says, it may be sent again: then, or before, it has taken effect once.
      const again = await api.request('POST', path, { body, headers: keyed('twin') });
      expect([again.status, again.body]).toMatchObject([200, { changed: true }]);
      const notes = (await api.types(run.id)).filter((type) => type === 'note.logged');
      expect(notes).toHaveLength(1);
    },
    30_000,
  );
});
