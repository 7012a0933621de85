import type { Problem } from '@fermata/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type AppFixture } from '../../http/testing/app-fixture.ts';
import { fakeRun, fakeWait, RUN_ID } from '../../http/testing/fake-engine.ts';
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
  fixture.fake.waits.clear();
  fixture.fake.blobs.clear();
  fixture.fake.calls.length = 0;
});

async function refusal(response: Response): Promise<{ code: string; paths: string[] }> {
  const problem = (await response.json()) as Problem;
  return { code: problem.code, paths: (problem.errors ?? []).map((error) => error.path) };
}

describe('Idempotency-Key', () => {
  const keyed = (key: string): Record<string, string> => ({ 'idempotency-key': key });

  it('replays the stored reply and does nothing again', async () => {
    const pause = (): Promise<Response> =>
      fixture.request('POST', `/v1/runs/${RUN_ID}/pause`, { json: { reason: 'a' }, headers: keyed('p1') });
    const first = await pause();
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    fixture.fake.runs.set(RUN_ID, fakeRun({ title: 'changed since' }));
    const second = await pause();
    expect(second.status).toBe(200);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(await second.json()).toEqual(await first.json());
  });

  it('takes the same members in another order as the same body, and another body as a conflict', async () => {
    const pause = (body: string): Promise<Response> =>
      fixture.request('POST', `/v1/runs/${RUN_ID}/pause`, {
        body,
        headers: { ...keyed('p2'), 'content-type': 'application/json' },
      });
    expect((await pause('{"reason":"a","at":"now"}')).status).toBe(200);
    expect((await pause('{ "at":"now", "reason":"a" }')).headers.get('idempotency-replayed')).toBe('true');
    expect(await refusal(await pause('{"reason":"b"}'))).toMatchObject({ code: 'idempotency_conflict' });
  });

  it('keeps keys apart by credential and by path, but not by prefix', async () => {
    const pause = (path: string, key: string): Promise<Response> =>
      fixture.request('POST', path, { key, headers: keyed('p3') });
    expect((await pause(`/v1/runs/${RUN_ID}/pause`, 'operator-key')).status).toBe(200);
    const others = [
      await pause(`/v1/runs/${RUN_ID}/pause`, 'admin-key'),
      await pause(`/v1/runs/${RUN_ID}/cancel`, 'operator-key'),
    ];
    for (const other of others) expect(other.headers.get('idempotency-replayed')).toBeNull();
    const same = await pause(`/native/v1/runs/${RUN_ID}/pause`, 'operator-key');
    expect(same.headers.get('idempotency-replayed')).toBe('true');
  });

  it('never keeps a secret', async () => {
    const create = (): Promise<Response> =>
      fixture.request('POST', '/v1/keys', {
        key: 'admin-key',
        json: { name: 'ci', role: 'viewer' },
        headers: keyed('k'),
      });
    expect(await (await create()).json()).toMatchObject({ secret: 'fm_the-secret' });
    expect(await (await create()).json()).toMatchObject({ id: 'key_1', secret: null });
  });

  it('refuses a key that is too long', async () => {
    const response = await fixture.request('POST', `/v1/runs/${RUN_ID}/pause`, {
      headers: keyed('x'.repeat(256)),
    });
    expect(await refusal(response)).toEqual({ code: 'invalid_request', paths: ['headers.idempotency-key'] });
  });
});

describe('answers', () => {
  const answer = (json: unknown): Promise<Response> =>
    fixture.request('POST', '/v1/waits/wait_1/answer', { key: 'operator-key', json });

  it('checks the value against the schema of the wait before the command', async () => {
    const schema = {
      type: 'object',
      properties: { items: { type: 'array', items: { type: 'integer' } } },
      required: ['items'],
    };
    fixture.fake.waits.set('wait_1', fakeWait({ schema }));
    expect(await refusal(await answer({ value: { items: [1, 'two'] } }))).toEqual({
      code: 'invalid_request',
      paths: ['body.value.items[1]'],
    });
    expect(await refusal(await answer({ value: {} }))).toEqual({
      code: 'invalid_request',
      paths: ['body.value'],
    });
    expect(fixture.fake.calls).toEqual([]);
    expect((await answer({ value: { items: [1, 2] } })).status).toBe(200);
  });

  it('asks for the members of its kind and refuses those of others', async () => {
    const cases: [Parameters<typeof fakeWait>[0], unknown, string[]][] = [
      [{ kind: 'approval' }, { value: 1 }, ['body.value', 'body.decision']],
      [{ kind: 'tool_output' }, {}, ['body.output']],
      [{ kind: 'tool_output' }, { output: 1, error: 'x' }, ['body.error']],
      [{ kind: 'input' }, { reason: 'because' }, ['body.value']],
      [{ kind: 'timer' }, { outcome: 'skip' }, ['body.outcome']],
      [{ kind: 'in_doubt' }, { outcome: 'fire' }, ['body.outcome']],
      [{ kind: 'run' }, { value: 1 }, ['body']],
    ];
    for (const [fields, body, paths] of cases) {
      fixture.fake.waits.set('wait_1', fakeWait(fields));
      expect(await refusal(await answer(body)), JSON.stringify(body)).toEqual({
        code: 'invalid_request',
        paths,
      });
    }
    expect(fixture.fake.calls).toEqual([]);
  });

  it('leaves a wait that is closed to the engine', async () => {
    fixture.fake.waits.set('wait_1', fakeWait({ state: 'resolved', schema: { type: 'string' } }));
    expect((await answer({ value: 7 })).status).toBe(200);
  });

  it('checks each answer of a resume, and wants exactly one address for it', async () => {
    fixture.fake.waits.set('wait_1', fakeWait({ schema: { type: 'integer' } }));
    const resume = (answers: unknown[]): Promise<Response> =>
      fixture.request('POST', `/v1/runs/${RUN_ID}/resume`, { json: { answers } });
    expect(await refusal(await resume([{ callId: 'call_1', value: 'x' }]))).toEqual({
      code: 'invalid_request',
      paths: ['body.answers[0].value'],
    });
    expect(await refusal(await resume([{ value: 1 }]))).toMatchObject({ paths: ['body.answers[0]'] });
    expect((await resume([{ waitId: 'wait_1', value: 1 }])).status).toBe(200);
  });
});

describe('content', () => {
  const start = (json: unknown): Promise<Response> => fixture.request('POST', '/v1/runs', { json });
  const started = (): { input: unknown } =>
    fixture.fake.calls.find((call) => call.name === 'start')?.args[0] as { input: unknown };

  it('stores data URIs as blobs, wherever they stand in the input', async () => {
    const image = { type: 'image', url: 'data:image/png;base64,aGk=' };
    const file = { type: 'file', url: 'data:,a%20b', name: 'a.txt' };
    const response = await start({
      input: { messages: [{ role: 'user', content: [{ type: 'text', text: 'see' }, image, file] }] },
    });
    expect(response.status).toBe(201);
    const [first, second] = [...fixture.fake.blobs.entries()];
    expect(first?.[1]).toMatchObject({ bytes: Buffer.from('hi'), mediaType: 'image/png' });
    expect(second?.[1]).toMatchObject({ bytes: Buffer.from('a b'), mediaType: 'text/plain' });
    expect(started().input).toEqual({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'see' },
            { type: 'image', url: first?.[0], mediaType: 'image/png' },
            { type: 'file', url: second?.[0], name: 'a.txt', mediaType: 'text/plain' },
          ],
        },
      ],
    });
  });

  it('leaves input that is not made of parts as it is', async () => {
    const input = { image: 'data:image/png;base64,aGk=', list: [{ type: 'image', url: 'file:///x', id: 1 }] };
    expect((await start({ input })).status).toBe(201);
    expect(started().input).toEqual(input);
  });

  it('refuses a broken data URI and a URL of another kind, with the place', async () => {
    for (const url of ['data:image/png;base64,%%%', 'data:image/png', 'file:///etc/passwd', 'ftp://x/y']) {
      expect(await refusal(await start({ input: [{ type: 'image', url }] })), url).toEqual({
        code: 'invalid_request',
        paths: ['body.input[0].url'],
      });
    }
  });

  it('refuses text that no event can hold', async () => {
    expect(await refusal(await start({ input: 'x'.repeat(300_000) }))).toMatchObject({
      code: 'payload_too_large',
    });
  });

  it('serves a blob as a download that cannot run', async () => {
    const reference = `blob:sha256-${'a'.repeat(64)}`;
    fixture.fake.blobs.set(reference, { bytes: Buffer.from('<script>'), mediaType: 'text/html' });
    const response = await fixture.request('GET', `/v1/runs/${RUN_ID}/blobs/sha256-${'a'.repeat(64)}`);
    expect(await response.text()).toBe('<script>');
    expect(response.headers.get('content-type')).toBe('text/html');
    expect(response.headers.get('content-disposition')).toBe('attachment');
    expect(response.headers.get('content-security-policy')).toContain('sandbox');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await fixture.request('GET', `/v1/runs/${RUN_ID}/blobs/nonsense`)).status).toBe(404);
  });
});

describe('agents', () => {
  it('refuses a tool whose inputSchema is no JSON Schema, with its path', async () => {
    const tool = { type: 'client', name: 'look', inputSchema: { type: 'objekt' } };
    const inline = await fixture.request('POST', '/v1/runs', { json: { agent: { tools: [tool] } } });
    expect(await refusal(inline)).toEqual({
      code: 'invalid_request',
      paths: ['body.agent.tools[0].inputSchema'],
    });
    const saved = await fixture.request('POST', '/v1/agents', { json: { name: 'a', tools: [tool] } });
    expect(await refusal(saved)).toMatchObject({ paths: ['body.tools[0].inputSchema'] });
    const beside = await fixture.request('POST', '/v1/runs', { json: { tools: [tool, tool] } });
    expect((await refusal(beside)).paths).toContain('body.tools[1].name');
  });
});
