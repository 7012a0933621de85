import type { Role } from '@fermata/protocol';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from '../../world/api-client.ts';
import { sharedWorld } from '../../world/server.ts';
import { operationsOf, pathOf, readDocument, type DocumentedOperation } from './operations-document.ts';
import { SAMPLE_BODIES, sampleIds, type SampleIds } from './sample-data.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_LOG_LEVEL: 'info' } });
let operations: DocumentedOperation[];
let ids: SampleIds;

beforeAll(async () => {
  operations = operationsOf(await readDocument(world()));
  ids = await sampleIds(world());
});

const ROLES: readonly Role[] = ['viewer', 'operator', 'developer', 'admin'];

const UNKNOWN: SampleIds = {
  runId: '01890000-0000-7000-8000-000000000000',
  waitId: 'wait_00000000000070008000000000000000',
  callId: 'call_0_1_1',
  agentId: 'agent_0',
  flowId: 'flow_0',
  missionId: '01890000-0000-7000-8000-000000000000',
  principalId: '01890000-0000-7000-8000-000000000000',
  keyId: 'key_0',
  clientTokenId: 'ctok_0',
  sessionId: '01890000-0000-7000-8000-000000000000',
  scheduleId: 'sched_01890000000070008000000000000000',
  digest: `sha256-${'0'.repeat(64)}`,
  jobId: 'job_0',
};

function send(
  client: ApiClient,
  operation: DocumentedOperation,
  values: SampleIds,
  raw?: { raw: string; headers?: Record<string, string> },
): ReturnType<ApiClient['request']> {
  const body = operation.hasBody ? SAMPLE_BODIES[operation.operationId] : undefined;
  return client.request(operation.method, pathOf(operation.path, values), raw ?? { body });
}

function withIds(): DocumentedOperation[] {
  return operations.filter(({ path }) => path.includes('{'));
}
function withBody(): DocumentedOperation[] {
  return operations.filter(({ hasBody }) => hasBody);
}

/** Streams never end by themselves, and have a test of their own. */
function isStream({ operationId }: DocumentedOperation): boolean {
  return operationId === 'watchChanges';
}

describe('every operation', () => {
  it('has a sample body where it takes one', () => {
    expect(
      withBody()
        .map((operation) => operation.operationId)
        .sort(),
    ).toEqual(Object.keys(SAMPLE_BODIES).sort());
  });

  verifies(['auth.required', 'auth.headers'], async () => {
    for (const operation of operations) {
      const path = pathOf(operation.path, UNKNOWN);
      for (const authorization of ['', 'Bearer nothing', 'Basic YTpi', `Bearer ${'x'.repeat(5000)}`]) {
        const reply = await world().api.request(operation.method, path, { headers: { authorization } });
        expect([operation.operationId, reply.status]).toEqual([operation.operationId, 401]);
        expect(reply.headers.get('www-authenticate')).toBe('Bearer');
        expect(reply.body).toMatchObject({ code: 'unauthenticated' });
      }
    }
    const headers = { authorization: '', 'x-api-key': world().viewer.key };
    expect((await world().api.request('GET', '/v1/me', { headers })).status).toBe(200);
  });

  verifies(['roles.checked-first', 'roles.includes'], async () => {
    const clients: Record<Role, ApiClient> = {
      viewer: world().viewer,
      operator: world().operator,
      developer: world().developer,
      admin: world().api,
    };
    for (const operation of operations) {
      if (isStream(operation)) continue;
      for (const role of ROLES) {
        const reply = await send(clients[role], operation, UNKNOWN);
        const isEnough = ROLES.indexOf(role) >= ROLES.indexOf(operation.role);
        const outcome = [operation.operationId, role, reply.status === 403];
        expect(outcome).toEqual([operation.operationId, role, !isEnough]);
        if (!isEnough) expect(reply.body).toMatchObject({ code: 'forbidden' });
      }
    }
  });

  verifies(['tenancy.404'], async () => {
    const { stranger } = world();
    for (const operation of withIds()) {
      const reply = await send(stranger, operation, ids);
      expect([operation.operationId, reply.status, (reply.body as { code: string }).code]).toEqual([
        operation.operationId,
        404,
        'not_found',
      ]);
    }
    const own = JSON.stringify(Object.values(ids));
    for (const operation of operations.filter(({ operationId }) => operationId.startsWith('list'))) {
      if (operation.path.includes('{')) continue;
      const reply = await stranger.request<{ data: { id: string }[] }>('GET', pathOf(operation.path, {}));
      expect(reply.status).toBe(200);
      for (const { id } of reply.body.data) expect(own).not.toContain(id);
    }
    const principal = { name: 'k', role: 'viewer', principalId: ids.principalId };
    expect((await stranger.request('POST', '/v1/keys', { body: principal })).status).toBe(404);
    for (const body of [{ agent: ids.agentId, input: 'x' }, { flow: ids.flowId }]) {
      expect((await stranger.request('POST', '/v1/runs', { body })).status).toBe(404);
    }
    expect((await world().api.run(ids.runId)).status).toBe('waiting');
  });

  verifies(['error.not_found'], async () => {
    const odd = [
      'nothing',
      '\u0000',
      '\ud800',
      '../../etc',
      '💥',
      'x'.repeat(1_100),
      'NaN',
      '-1',
      '%',
      "'; drop",
    ];
    for (const operation of withIds()) {
      for (const value of [null, ...odd]) {
        const values =
          value === null ? UNKNOWN : Object.fromEntries(Object.keys(UNKNOWN).map((name) => [name, value]));
        const path = safePath(operation.path, values as SampleIds);
        const body = operation.hasBody ? SAMPLE_BODIES[operation.operationId] : undefined;
        const reply = await world().api.request(operation.method, path, { body });
        expect([operation.operationId, value, reply.status]).toEqual([operation.operationId, value, 404]);
      }
    }
    expect((await world().api.request('GET', '/v1/nothing/here')).status).toBe(404);
  });

  verifies(['error.malformed_json'], async () => {
    for (const operation of withBody()) {
      for (const raw of ['{', '{"a":}', 'nothing', '{"a":1}}', "{'a':1}", '\u0000', '[1,']) {
        const reply = await send(world().api, operation, ids, { raw });
        expect([operation.operationId, raw, reply.status]).toEqual([operation.operationId, raw, 400]);
        expect(reply.body).toMatchObject({ code: 'malformed_json' });
      }
    }
  });

  verifies(['error.invalid_request'], async () => {
    for (const operation of withBody()) {
      for (const raw of ['[]', '"text"', '1', 'true', 'null']) {
        const reply = await send(world().api, operation, ids, { raw });
        expect([operation.operationId, raw, reply.status]).toEqual([operation.operationId, raw, 422]);
        expect(reply.body).toMatchObject({ code: 'invalid_request', errors: [{ path: 'body' }] });
      }
    }
  });

  verifies(['error.unknown-member'], async () => {
    for (const operation of withBody()) {
      const body = { ...SAMPLE_BODIES[operation.operationId], 'a typo': 1 };
      const reply = await send(world().api, operation, ids, { raw: JSON.stringify(body) });
      expect([operation.operationId, reply.status]).toEqual([operation.operationId, 422]);
      expect(reply.body).toMatchObject({ errors: [{ path: 'body["a typo"]', message: 'unknown member' }] });
    }
  });

  verifies(['error.payload_too_large'], async () => {
    const large = JSON.stringify({ text: 'x'.repeat(4 * 1024 * 1024) });
    const wide = `[${'0,'.repeat(300_000)}0]`;
    for (const operation of withBody()) {
      for (const raw of [large, wide]) {
        const reply = await send(world().api, operation, ids, { raw });
        expect([operation.operationId, reply.status]).toEqual([operation.operationId, 413]);
        expect(reply.body).toMatchObject({ code: 'payload_too_large', retryable: false });
      }
    }
  });

  verifies(['error.too-deep'], async () => {
    const deep = `{"metadata":${'{"a":'.repeat(6_000)}1${'}'.repeat(6_000)}}`;
    const array = '['.repeat(6_000) + ']'.repeat(6_000);
    for (const operation of withBody()) {
      for (const raw of [deep, array]) {
        const reply = await send(world().api, operation, ids, { raw });
        expect([operation.operationId, reply.status]).toEqual([operation.operationId, 422]);
      }
    }
  });

  verifies(['error.unsupported_media_type'], async () => {
    for (const operation of withBody()) {
      for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'nonsense']) {
        const headers = { 'content-type': type };
        const reply = await send(world().api, operation, ids, { raw: '{"a":1}', headers });
        expect([operation.operationId, type, reply.status]).toEqual([operation.operationId, type, 415]);
      }
    }
  });

  verifies(['shape.empty-body'], async () => {
    const run = await world().api.start({ model: 'script/approval', input: 'x' });
    await world().api.reaches(run.id, 'waiting');
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
      for (const verb of ['pause', 'resume']) {
        const headers = { 'content-type': type };
        const reply = await world().api.request('POST', `/v1/runs/${run.id}/${verb}`, { raw: '', headers });
        expect([verb, type, reply.status]).toEqual([verb, type, 200]);
      }
    }
    await world().api.command(run.id, 'cancel');
  });

  verifies(['error.method_not_allowed'], async () => {
    for (const path of new Set(operations.map((operation) => operation.path))) {
      const methods = operations.filter((operation) => operation.path === path).map(({ method }) => method);
      for (const method of ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'].filter(
        (one) => !methods.includes(one),
      )) {
        const reply = await world().api.request(
          method,
          pathOf(path, ids),
          method === 'GET' ? {} : { body: {} },
        );
        expect([path, method, reply.status]).toEqual([path, method, 405]);
        for (const one of methods) expect(reply.headers.get('allow')).toContain(one);
      }
    }
  });

  verifies(
    ['error.no-internals'],
    async () => {
      const odd = [
        null,
        true,
        -1,
        1e308,
        '',
        '\u0000\ud800',
        [],
        {},
        [[]],
        [null],
        'x'.repeat(10_000),
        { a: { b: 1 } },
      ];
      for (const operation of operations.filter((one) => !isStream(one))) {
        for (const values of [UNKNOWN, ids]) {
          const path = pathOf(operation.path, values);
          for (const name of operation.members) {
            for (const value of odd) {
              const body = { ...SAMPLE_BODIES[operation.operationId], [name]: value };
              // The client throws for a 500, and for an error that shows the inside.
              await world().api.request(operation.method, path, { body });
            }
          }
          for (const name of operation.query) {
            for (const value of ODD_TEXTS) {
              const search = new URLSearchParams({ [name.replace('<key>', 'k')]: value });
              const options = operation.hasBody ? { body: {} } : {};
              await world().api.request(operation.method, `${path}?${search.toString()}`, options);
            }
          }
        }
      }
    },
    120_000,
  );
});

const ODD_TEXTS = [
  '',
  '-1',
  '1e99',
  '\u0000',
  '\ud800',
  'x'.repeat(3_000),
  'a,b,,',
  '[]',
  '💥',
  '9'.repeat(20),
];

/** As `pathOf`, with what `encodeURIComponent` refuses encoded by hand. */
function safePath(path: string, values: SampleIds): string {
  const encode = (text: string): string => (text === '\ud800' ? '%ED%A0%80' : encodeURIComponent(text));
  return `/v1${path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => encode(values[name as keyof SampleIds]))}`;
}
