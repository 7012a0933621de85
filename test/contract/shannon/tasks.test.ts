import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { sharedWorld, testWorld } from '../../world/server.ts';
import { runOf, ShannonClient, type ShannonReply } from './shannon-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({
  env: {
    FERMATA_SHANNON_RATE_LIMITS: 'off',
    FERMATA_MODEL_ALIASES: JSON.stringify({ small: 'script/echo', large: 'gated/large' }),
  },
});
const shannon = (): ShannonClient => ShannonClient.of(world());
const UNKNOWN = 'task-00000000-0000-0000-0000-000000000001-1700000000-01890000000070008000000000000000';

async function completed(taskId: string): Promise<Record<string, unknown>> {
  await world().api.finished(runOf(taskId));
  return shannon().ok('GET', `/api/v1/tasks/${taskId}`);
}

describe('submitting', () => {
  verifies(['submit.reply'], async () => {
    const session = randomUUID();
    const reply = await shannon().request('POST', '/api/v1/tasks', {
      body: { query: 'hello', session_id: session },
    });
    expect(reply.status).toBe(200);
    const taskId = String(reply.body['task_id']);
    expect(taskId).toMatch(/^task-[0-9a-f-]{36}-\d{10}-[0-9a-f]{32}$/);
    expect(reply.body).toMatchObject({
      workflow_id: taskId,
      status: 'STATUS_CODE_OK',
      message: `Task submitted successfully. Session: ${session}`,
    });
    expect(reply.headers.get('x-workflow-id')).toBe(taskId);
    expect(reply.headers.get('x-session-id')).toBe(session);
    expect(reply.text.endsWith('\n')).toBe(true);
    // What the desktop app asks for within 0.1 s.
    const task = await shannon().ok('GET', `/api/v1/tasks/${taskId}`);
    expect(['TASK_STATUS_QUEUED', 'TASK_STATUS_RUNNING', 'TASK_STATUS_COMPLETED']).toContain(task['status']);
    const fresh = await shannon().request('POST', '/api/v1/tasks', { body: { query: 'hello' } });
    expect(fresh.headers.get('x-session-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  verifies(['submit.refusals', 'http.errors'], async () => {
    const refused = async (body: unknown, error: string, status = 400): Promise<void> => {
      const reply = await shannon().request('POST', '/api/v1/tasks', { body });
      expect([reply.status, reply.body], JSON.stringify(body)).toEqual([status, { error }]);
      expect(reply.headers.get('content-type')).toBe('application/json');
      expect(reply.text.endsWith('\n')).toBe(true);
    };
    await refused({}, 'Query is required');
    await refused({ query: '  ' }, 'Query is required');
    await refused(
      { query: 'x', mode: 'big' },
      'Invalid mode (allowed: simple, standard, complex, supervisor)',
    );
    await refused({ query: 'x', model_tier: 'huge' }, 'Invalid model_tier (allowed: small, medium, large)');
    await refused(
      { query: 'x', research_strategy: 'slow' },
      'Invalid research_strategy (allowed: quick, standard, deep, academic)',
    );
    await refused({ query: 'x', max_iterations: 51 }, 'max_iterations out of range (1..50)');
    await refused({ query: 'x', max_concurrent_agents: 0 }, 'max_concurrent_agents out of range (1..20)');
    await refused({ query: 'x', skill: 'fly' }, 'Unknown skill: fly');
    await refused(
      { query: 'x', model_tier: 'small', context: { disable_ai: true } },
      'disable_ai=true conflicts with model_tier/model_override',
    );
    await refused({ query: 'x', session_id: 'a b' }, 'Invalid session_id format');
    await refused({ query: 'x', context: { template: 'nobody' } }, 'Unknown template: nobody');
    const provider = await shannon().request('POST', '/api/v1/tasks', {
      body: { query: 'x', provider_override: 'me' },
    });
    expect(provider.status).toBe(400);
    expect(provider.body['error']).toMatch(/^Invalid provider_override: me \(allowed: openai, anthropic, /);
    for (const raw of ['{', '[]', '']) {
      const reply = await shannon().request('POST', '/api/v1/tasks', { raw });
      expect(reply.status).toBe(400);
      expect(reply.body['error']).toMatch(/^Invalid request body: /);
    }
  });

  verifies(['submit.stream'], async () => {
    const reply = await shannon().request('POST', '/api/v1/tasks/stream', { body: { query: 'hello' } });
    expect(reply.status).toBe(201);
    const id = String(reply.body['workflow_id']);
    expect(reply.body).toMatchObject({
      task_id: id,
      stream_url: `/shannon/api/v1/stream/sse?workflow_id=${id}`,
    });
    expect(reply.headers.get('link')).toBe(`<${String(reply.body['stream_url'])}>; rel=stream`);
    expect(reply.headers.get('x-workflow-id')).toBe(id);
  });

  verifies(['submit.options'], async () => {
    const agent = await world().api.call<{ id: string }>('POST', '/v1/agents', {
      name: 'reporter',
      model: 'script/inline',
      script: [{ text: 'a report' }],
    });
    const templated = await shannon().submit({ query: 'x', context: { template: 'reporter' } });
    expect(await completed(templated)).toMatchObject({ result: 'a report' });
    expect((await world().api.run(runOf(templated))).agent?.id).toBe(agent.id);

    const small = await shannon().submit({ query: 'echoed', model_tier: 'small', mode: 'supervisor' });
    expect(await completed(small)).toMatchObject({
      result: 'echoed',
      mode: 'supervisor',
      context: { model_tier: 'small' },
    });
    const limited = await shannon().submit({ query: 'x', max_iterations: 7, model_override: 'script/echo' });
    expect((await world().api.run(runOf(limited))).limits).toEqual({ maxTurns: 7 });
    const deep = await shannon().submit({ query: 'x', research_strategy: 'deep' });
    const call = await world().model.next();
    call.say('from the large one');
    call.end();
    expect(await completed(deep)).toMatchObject({
      result: 'from the large one',
      model_used: 'large',
      provider: 'gated',
    });

    const attached = await shannon().submit({
      query: '',
      model_override: 'script/echo',
      context: {
        attachments: [
          { media_type: 'image/png', data: Buffer.from('png').toString('base64'), filename: 'a.png' },
        ],
        history: [{ role: 'user', content: 'before' }],
      },
    });
    expect(await completed(attached)).toMatchObject({ query: '[User sent file attachments]' });
    const { input } = await world().api.run(runOf(attached));
    expect(input).toMatchObject({
      messages: [
        { role: 'user', content: 'before' },
        { role: 'user', content: [{ type: 'text' }, { type: 'image', mediaType: 'image/png' }] },
      ],
    });
  });

  verifies(['submit.idempotency'], async () => {
    const headers = { 'idempotency-key': `submit-${randomUUID()}` };
    const submit = (query: string): Promise<ShannonReply> =>
      shannon().request('POST', '/api/v1/tasks', { body: { query }, headers });
    const [first, twin] = await Promise.all([submit('once'), submit('once')]);
    expect(twin.body).toEqual(first.body);
    const again = await submit('once');
    expect(again.text).toBe(first.text);
    expect(again.headers.get('x-idempotency-cached')).toBe('true');
    expect(again.headers.get('x-idempotency-key')).toBe(headers['idempotency-key']);
    expect(again.headers.get('x-session-id')).toBe(first.headers.get('x-session-id'));
    expect((await submit('another')).body['task_id']).not.toBe(first.body['task_id']);
    expect((await submit('')).status).toBe(400);
    expect((await submit('')).headers.get('x-idempotency-cached')).toBeNull();
  });
});

describe('tasks', () => {
  verifies(['task.get', 'task.ids'], async () => {
    const taskId = await shannon().submit({ query: '{"a": 1}', session_id: 'my.session:1', mode: 'simple' });
    const task = await completed(taskId);
    const run = await world().api.run(runOf(taskId));
    expect(task).toMatchObject({
      task_id: taskId,
      workflow_id: taskId,
      status: 'TASK_STATUS_COMPLETED',
      result: '{"a": 1}',
      response: { a: 1 },
      created_at: run.createdAt,
      updated_at: run.updatedAt,
      query: '{"a": 1}',
      session_id: 'my.session:1',
      mode: 'simple',
      model_used: 'echo',
      provider: 'script',
    });
    expect(task['usage']).toMatchObject({ total_tokens: run.usage.inputTokens + run.usage.outputTokens });
    expect((await shannon().ok('GET', `/api/v1/tasks/${run.id}`))['task_id']).toBe(taskId);
    const other = taskId.replace(/^task-.{8}/, 'task-00000000');
    for (const id of [UNKNOWN, other, 'nothing', randomUUID()]) {
      const reply = await shannon().request('GET', `/api/v1/tasks/${id}`);
      expect([reply.status, reply.body]).toEqual([404, { error: 'Task not found' }]);
    }
    const bad = await shannon().request('GET', '/api/v1/tasks/a%20b');
    expect([bad.status, bad.body]).toEqual([400, { error: 'Invalid task ID format' }]);
  });

  verifies(['task.list'], async () => {
    const session = randomUUID();
    const ids: string[] = [];
    for (const query of ['one', 'two', 'three'])
      ids.push(await shannon().submit({ query, session_id: session }));
    await Promise.all(ids.map((id) => world().api.finished(runOf(id))));
    const list = (query: string): Promise<{ tasks: Record<string, unknown>[]; total_count: number }> =>
      shannon().ok('GET', `/api/v1/tasks?session_id=${session}&${query}`);
    const all = await list('');
    expect(all.total_count).toBe(3);
    expect(all.tasks.map((task) => task['task_id'])).toEqual(ids.toReversed());
    expect(all.tasks[0]).toMatchObject({
      query: 'three',
      status: 'TASK_STATUS_COMPLETED',
      mode: 'EXECUTION_MODE_STANDARD',
      created_at: expect.any(String) as string,
      total_token_usage: { total_tokens: expect.any(Number) as number },
    });
    expect((await list('limit=1&offset=1')).tasks.map((task) => task['task_id'])).toEqual([ids[1]]);
    expect((await list('status=completed')).total_count).toBe(3);
    for (const status of ['RUNNING', 'PAUSED', 'QUEUED', 'FAILED', 'TIMEOUT', 'CANCELED', 'CANCELLED']) {
      expect((await list(`status=${status}`)).total_count).toBe(0);
    }
    const refusals = {
      'limit=0': 'Invalid limit parameter',
      'limit=101': 'Invalid limit parameter',
      'offset=-1': 'Invalid offset parameter',
      'status=DONE': 'Invalid status value',
      'session_id=a%20b': 'Invalid session_id format',
    };
    for (const [query, error] of Object.entries(refusals)) {
      const reply = await shannon().request('GET', `/api/v1/tasks?${query}`);
      expect([reply.status, reply.body]).toEqual([400, { error }]);
    }
  });
});

describe('the face', () => {
  verifies(['http.unknown-path', 'http.auth', 'http.trace', 'http.service'], async () => {
    const unknown = await shannon().request('GET', '/api/v1/nothing', { key: null });
    expect([unknown.status, unknown.text]).toEqual([404, '404 page not found\n']);
    expect(unknown.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const method = await shannon().request('DELETE', '/api/v1/tasks');
    expect([method.status, method.text]).toEqual([405, 'Method Not Allowed\n']);
    expect(method.headers.get('allow')).toContain('POST');

    const none = await shannon().request('POST', '/api/v1/tasks/x/resume', { key: null });
    expect([none.status, none.body]).toEqual([401, { error: 'Unauthorized' }]);
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="Shannon API"');
    const bearer = await shannon().request('GET', '/api/v1/tasks', {
      key: null,
      headers: {
        authorization: `Bearer ${shannon().key}`,
        traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      },
    });
    expect(bearer.status).toBe(200);
    expect(bearer.headers.get('x-trace-id')).toBe('a'.repeat(32));
    expect(bearer.headers.get('x-span-id')).toMatch(/^[0-9a-f]{16}$/);
    const query = await shannon().request('GET', `/api/v1/tasks?api_key=${shannon().key}`, { key: null });
    expect(query.status).toBe(401);

    for (const path of ['/health', '/readiness', '/openapi.json']) {
      const reply = await shannon().request('GET', path, { key: null });
      expect(reply.status).toBe(200);
    }
  });

  verifies(['http.roles', 'http.strangers'], async () => {
    const taskId = await shannon().submit({ query: 'mine', session_id: 'of-mine' });
    const viewer = ShannonClient.of(world(), world().viewer.key);
    for (const path of [
      `/api/v1/tasks/${taskId}/pause`,
      `/api/v1/tasks/${UNKNOWN}/resume`,
      '/api/v1/tasks',
    ]) {
      const reply = await viewer.request('POST', path, { body: {} });
      expect([reply.status, reply.body]).toEqual([403, { error: 'Forbidden' }]);
    }
    expect((await viewer.request('GET', `/api/v1/tasks/${taskId}`)).status).toBe(200);
    const stranger = ShannonClient.of(world(), world().stranger.key);
    for (const path of ['', '/control-state', '/timeline', '/review', '/stream', '/approvals']) {
      const reply = await stranger.request('GET', `/api/v1/tasks/${taskId}${path}`);
      expect([path, reply.status]).toEqual([path, 404]);
    }
    for (const verb of ['pause', 'resume', 'cancel'])
      expect((await stranger.control(taskId, verb)).status).toBe(404);
    expect(await stranger.ok('GET', `/api/v1/tasks/${taskId}/events`)).toEqual({ events: [], count: 0 });
    expect((await stranger.request('GET', '/api/v1/sessions/of-mine')).body).toEqual({
      error: 'Session not found',
    });
  });

  verifies(['http.root'], async () => {
    await using rooted = await testWorld({ env: { FERMATA_ROOT_DIALECT: 'shannon' } });
    const client = new ShannonClient(rooted.url, rooted.api.key);
    const taskId = await client.submit({ query: 'at the root' });
    expect((await client.request('GET', '/nothing', { key: null })).text).toBe('404 page not found\n');
    expect((await client.request('GET', '/health', { key: null })).status).toBe(200);
    expect((await client.request('GET', '/api/v1/tasks', { key: null })).body).toEqual({
      error: 'Unauthorized',
    });
    const frames = await client.frames(taskId);
    expect(frames.at(-1)).toMatchObject({ event: 'done', data: '[DONE]' });
    const redirect = await client.request('GET', `/api/v1/tasks/${taskId}/stream`);
    expect(redirect.headers.get('location')).toBe(`/api/v1/stream/sse?workflow_id=${taskId}`);
    const native = await fetch(`${rooted.url}/native/v1/me`, {
      headers: { authorization: `Bearer ${rooted.api.key}` },
    });
    expect(native.status).toBe(200);
    expect((await fetch(`${rooted.url}/shannon/health`)).status).toBe(200);
  });

  verifies(['empty.lists', 'identity.me'], async () => {
    expect(await shannon().ok('GET', '/api/v1/skills')).toEqual({ skills: [], count: 0, categories: [] });
    expect(await shannon().ok('GET', '/api/v1/agents')).toEqual({ agents: [], count: 0 });
    expect(await shannon().ok('GET', '/api/v1/tools')).toEqual([]);
    expect((await shannon().request('GET', '/api/v1/skills/x')).body).toEqual({ error: 'Skill not found' });
    const me = await shannon().ok('GET', '/api/v1/auth/me');
    expect(me).toMatchObject({ username: 'admin', tenant_id: expect.any(String) as string });
    const made = await shannon().request('POST', '/api/v1/auth/api-keys', { body: { name: 'mine' } });
    expect(made.status).toBe(201);
    const client = ShannonClient.of(world(), String(made.body['api_key']));
    expect((await client.request('GET', '/api/v1/tasks')).status).toBe(200);
    expect((await client.request('GET', '/api/v1/auth/api-keys')).status).toBe(403);
    const keys = await shannon().ok<{ keys: { id: string }[] }>('GET', '/api/v1/auth/api-keys');
    expect(keys.keys.map((key) => key.id)).toContain(made.body['id']);
    await shannon().ok('DELETE', `/api/v1/auth/api-keys/${String(made.body['id'])}`);
    expect((await client.request('GET', '/api/v1/tasks')).status).toBe(401);
  });
});
