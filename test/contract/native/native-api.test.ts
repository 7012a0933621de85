import type { ApiKey, Organization } from '../../../packages/server/src/engine/facade-accounts.ts';
import type { MeReply, Run, RunEvent, SavedAgentReply, Wait } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testWorld, type World } from '../../world/server.ts';
import { readSse, type SseFrame } from '../../world/sse-frames.ts';

interface PageOf<T> {
  data: T[];
  nextCursor: string | null;
}

let world: World;
beforeAll(async () => {
  world = await testWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

describe('idempotency over the wire', () => {
  it('gives twins in flight one run and one reply', async () => {
    const start = (): Promise<{ status: number; text: string; headers: Headers }> =>
      world.api.request('POST', '/v1/runs', {
        body: { input: 'twins', metadata: { suite: 'twins' } },
        headers: { 'idempotency-key': 'twins' },
      });
    const replies = await Promise.all([start(), start(), start(), start()]);
    expect(replies.map((reply) => reply.status)).toEqual([201, 201, 201, 201]);
    expect(new Set(replies.map((reply) => reply.text)).size).toBe(1);
    const page = await world.api.call<PageOf<Run>>('GET', '/v1/runs?metadata.suite=twins');
    expect(page.data).toHaveLength(1);
    const replayed = replies.filter((reply) => reply.headers.get('idempotency-replayed') === 'true');
    expect(replayed).toHaveLength(3);
  });

  it('refuses another body under the key, and takes the key of another principal as another', async () => {
    const headers = { 'idempotency-key': 'shared' };
    await world.api.call('POST', '/v1/runs', { input: 'a' }, headers);
    const problem = await world.api.refused('POST', '/v1/runs', { input: 'b' }, headers);
    expect(problem).toMatchObject({ code: 'idempotency_conflict', status: 422 });
    const other = await world.developer.request('POST', '/v1/runs', { body: { input: 'b' }, headers });
    expect(other.headers.get('idempotency-replayed')).toBeNull();
  });

  it('does not keep refusals: the same key works once the run allows it', async () => {
    const run = await world.api.start({ mode: 'external' });
    const headers = { 'idempotency-key': `retry-${run.id}` };
    const refused = await world.api.refused('POST', `/v1/runs/${run.id}/retry`, {}, headers);
    expect(refused.code).toBe('invalid_transition');
    await world.api.command(run.id, 'report', { status: 'failed', error: { code: 'x', message: 'y' } });
    const retried = await world.api.command(run.id, 'retry', {}, headers);
    expect(retried.changed).toBe(true);
  });

  it('shows the secret of a key once, and never again under its key', async () => {
    const headers = { 'idempotency-key': 'key' };
    const create = (): Promise<ApiKey & { secret: string | null }> =>
      world.api.call('POST', '/v1/keys', { name: 'ci', role: 'viewer' }, headers);
    const first = await create();
    expect(first.secret).toMatch(/^fermata_/);
    expect(await create()).toEqual({ ...first, secret: null });
    const page = await world.api.call<PageOf<ApiKey>>('GET', '/v1/keys?limit=100');
    expect(JSON.stringify(page)).not.toContain(first.secret);
  });
});

describe('streams over the wire', () => {
  it('give the same log, whatever seq they are taken up at', async () => {
    const run = await world.api.start({ input: 'one two three four five' });
    await world.api.reaches(run.id, 'succeeded');
    const whole = await frames(run.id, 0);
    expect(whole.at(-1)).toEqual({ id: null, event: 'stream.end', data: { reason: 'finished' } });
    const seqs = whole.slice(0, -1).map((frame) => Number(frame.id));
    for (const [index, seq] of seqs.entries()) {
      expect(await frames(run.id, seq)).toEqual(whole.slice(index + 1));
    }
  });

  it('start a run and stop where it waits, then go on after the answer', async () => {
    const seen: { id: string | null; event: string; data: unknown }[] = [];
    const started = world.api.frames('POST', '/v1/runs', {
      body: { model: 'script/approval', input: 'Send it' },
    });
    for await (const frame of started) seen.push(frame);
    expect(seen.at(-1)).toMatchObject({ event: 'stream.end', data: { reason: 'parked' } });
    const runId = (seen[0]?.data as RunEvent).runId;
    const [wait] = await world.api.openWaits(runId);
    await world.operator.answer(wait?.id ?? '', { decision: 'approve', digest: wait?.digest ?? '' });
    const rest = world.api.stream(runId, { lastEventId: seen.at(-2)?.id ?? '', until: 'finished' });
    const types: string[] = [];
    for await (const frame of rest) types.push(frame.event);
    expect(types).toContain('wait.resolved');
    expect(types.at(-1)).toBe('stream.end');
  });

  it('hint at every run that changes', async () => {
    const controller = new AbortController();
    const response = await fetch(`${world.url}/v1/changes`, {
      headers: { authorization: `Bearer ${world.viewer.key}`, accept: 'text/event-stream' },
      signal: controller.signal,
    });
    const run = await world.api.start({ mode: 'external', title: 'watched' });
    const isOurs = (frame: SseFrame): boolean => (frame.data as { runId: string }).runId === run.id;
    for await (const frame of readSse(response.body ?? new ReadableStream())) {
      if (!isOurs(frame)) continue;
      expect(frame).toMatchObject({ event: 'run.changed', data: { status: 'queued', openWaits: 0 } });
      break;
    }
    controller.abort();
  });
});

describe('lists', () => {
  it('page through all runs once, newest first, while new ones come', async () => {
    const mine: string[] = [];
    for (let i = 0; i < 7; i += 1) {
      const run = await world.api.start({ mode: 'external', metadata: { suite: 'pages', i: String(i) } });
      mine.unshift(run.id);
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page: PageOf<Run> = await world.api.call('GET', `/v1/runs?metadata.suite=pages&limit=3${query}`);
      seen.push(...page.data.map((run) => run.id));
      if (cursor === null) await world.api.start({ mode: 'external', metadata: { suite: 'pages' } });
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(mine);
  });

  it('take filters together, and refuse a cursor that is none', async () => {
    const run = await world.api.start({ mode: 'external', title: 'Quarterly report', metadata: { a: 'b' } });
    await world.api.command(run.id, 'pause', { hold: 'legal' });
    const find = async (query: string): Promise<string[]> => {
      const page = await world.viewer.call<PageOf<Run>>('GET', `/v1/runs?${query}`);
      return page.data.map((one) => one.id);
    };
    expect(await find('hold=legal&status=paused,waiting&metadata.a=b&origin=native')).toEqual([run.id]);
    expect(await find('hold=legal&status=running')).toEqual([]);
    expect(await find('q=quarterly&hold=legal')).toEqual([run.id]);
    expect((await world.api.refused('GET', '/v1/runs?cursor=nonsense')).status).toBeLessThan(500);
  });
});

describe('strangers', () => {
  it('find nothing of another organization', async () => {
    const run = await world.api.start({ model: 'script/approval', input: 'x' });
    await world.api.reaches(run.id, 'waiting');
    const [wait] = await world.api.openWaits(run.id);
    const agent = await world.api.call<SavedAgentReply>('POST', '/v1/agents', { name: 'ours' });
    const me = await world.api.call<MeReply>('GET', '/v1/me');
    const requests: [string, string, unknown?][] = [
      ['GET', `/v1/runs/${run.id}`],
      ['GET', `/v1/runs/${run.id}/events`],
      ['GET', `/v1/runs/${run.id}/messages`],
      ['PATCH', `/v1/runs/${run.id}`, { title: 'x' }],
      ['POST', `/v1/runs/${run.id}/pause`],
      ['POST', `/v1/runs/${run.id}/resume`],
      ['POST', `/v1/runs/${run.id}/cancel`],
      ['POST', `/v1/runs/${run.id}/messages`, { content: 'x' }],
      ['POST', `/v1/runs/${run.id}/fork`],
      ['POST', `/v1/runs/${run.id}/notes`, { type: 'x' }],
      ['POST', `/v1/runs/${run.id}/calls/${wait?.callId}/answer`, { decision: 'deny' }],
      ['GET', `/v1/waits/${wait?.id}`],
      ['POST', `/v1/waits/${wait?.id}/answer`, { decision: 'deny' }],
      ['POST', `/v1/waits/${wait?.id}/snooze`, { until: null }],
      ['POST', `/v1/waits/${wait?.id}/assign`, { assignee: null }],
      ['GET', `/v1/agents/${agent.id}`],
      ['PATCH', `/v1/agents/${agent.id}`, { name: 'x' }],
      ['DELETE', `/v1/agents/${agent.id}`],
      ['GET', `/v1/keys/${me.key.id}`],
      ['DELETE', `/v1/keys/${me.key.id}`],
      ['GET', `/v1/principals/${me.principal.id}`],
      ['PATCH', `/v1/principals/${me.principal.id}`, { name: 'x' }],
      ['POST', '/v1/keys', { name: 'x', role: 'admin', principalId: me.principal.id }],
    ];
    for (const [method, path, body] of requests) {
      expect((await world.stranger.refused(method, path, body)).code, `${method} ${path}`).toBe('not_found');
    }
    for (const list of ['/v1/runs', '/v1/waits', '/v1/agents']) {
      expect((await world.stranger.call<PageOf<unknown>>('GET', list)).data, list).toEqual([]);
    }
    expect((await world.api.run(run.id)).status).toBe('waiting');
  });
});

describe('answers over the wire', () => {
  it('check the value against the schema of the question, then go on with it', async () => {
    const schema = { type: 'object', properties: { count: { type: 'integer' } }, required: ['count'] };
    const run = await world.script(
      [
        { toolCalls: [{ tool: 'ask_user', args: { question: 'How many?', schema } }] },
        { text: 'Thank you.' },
      ],
      { model: 'script/ask', tools: [{ type: 'builtin', name: 'ask_user' }] },
    );
    await world.api.reaches(run.id, 'waiting');
    const [wait] = await world.api.openWaits(run.id);
    const problem = await world.operator.refused('POST', `/v1/waits/${wait?.id}/answer`, {
      value: { count: 'many' },
    });
    expect(problem.errors?.map((error) => error.path)).toEqual(['body.value.count']);
    const answered = await world.operator.answer(wait?.id ?? '', { value: { count: 3 } });
    expect(answered.wait.resolution?.value).toEqual({ count: 3 });
    expect((await world.api.reaches(run.id, 'succeeded')).output).toBe('Thank you.');
  });

  it('tell a late one who was first', async () => {
    const run = await world.api.start({ model: 'script/approval', input: 'x' });
    await world.api.reaches(run.id, 'waiting');
    const [wait] = await world.api.openWaits(run.id);
    const answer = { decision: 'approve' as const, digest: wait?.digest ?? '' };
    await world.operator.answer(wait?.id ?? '', answer);
    const repeat = await world.operator.answer(wait?.id ?? '', answer);
    expect(repeat.changed).toBe(false);
    const late = await world.api.refused('POST', `/v1/waits/${wait?.id}/answer`, { decision: 'deny' });
    expect(late).toMatchObject({
      code: 'wait_closed',
      winner: { by: { name: 'operator' }, outcome: 'approve' },
    });
  });

  it('can be put off and handed on while they are open', async () => {
    const run = await world.api.start({ model: 'script/approval', input: 'x' });
    await world.api.reaches(run.id, 'waiting');
    const [wait] = await world.api.openWaits(run.id);
    const path = `/v1/waits/${wait?.id}`;
    const snoozed = await world.operator.call<{ wait: Wait }>('POST', `${path}/snooze`, {
      until: '2030-01-01T02:00:00+02:00',
    });
    expect(snoozed.wait.snoozedUntil).toBe('2030-01-01T00:00:00.000Z');
    const assigned = await world.operator.call<{ wait: Wait }>('POST', `${path}/assign`, {
      assignee: 'legal',
    });
    expect(assigned.wait.assignee).toBe('legal');
    const mine = await world.api.call<PageOf<Wait>>('GET', '/v1/waits?assignee=legal');
    expect(mine.data.map((one) => one.id)).toEqual([wait?.id]);
  });
});

describe('content and agents', () => {
  it('keep an image as a blob that only its organization can fetch', async () => {
    const bytes = Buffer.from([0x89, 0x50, 0x4e, 0x47]);
    const url = `data:image/png;base64,${bytes.toString('base64')}`;
    const run = await world.api.start({
      input: [
        { type: 'text', text: 'see' },
        { type: 'image', url },
      ],
    });
    expect(JSON.stringify(run.input)).not.toContain('base64');
    const [message] = await world.api.messages(run.id);
    const image = message?.parts.find((part) => part.type === 'image');
    const path = `/v1/runs/${run.id}/blobs/${image?.type === 'image' ? image.url : ''}`;
    const response = await fetch(world.url + path, {
      headers: { authorization: `Bearer ${world.viewer.key}` },
    });
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    expect((await world.stranger.refused('GET', path)).code).toBe('not_found');
  });

  it('version an agent, and leave each run the version that it began with', async () => {
    const agent = await world.developer.call<SavedAgentReply>('POST', '/v1/agents', {
      name: 'Helper',
      model: 'script/echo',
      metadata: { a: 1, b: 2 },
    });
    const run = await world.developer.start({ agent: agent.id, input: 'x' });
    const changed = await world.developer.call<SavedAgentReply>('PATCH', `/v1/agents/${agent.id}`, {
      instructions: 'Be brief.',
      metadata: { a: null },
    });
    expect(changed).toMatchObject({ version: 2, instructions: 'Be brief.', metadata: { b: 2 } });
    expect((await world.api.run(run.id)).agent).toMatchObject({ id: agent.id, version: 1 });
    const first = await world.api.call<SavedAgentReply>('GET', `/v1/agents/${agent.id}?version=1`);
    expect(first).toMatchObject({ version: 1, metadata: { a: 1, b: 2 } });
    expect((await world.api.request('DELETE', `/v1/agents/${agent.id}`)).status).toBe(204);
    expect((await world.api.refused('GET', `/v1/agents/${agent.id}`)).code).toBe('not_found');
    expect((await world.api.run(run.id)).agent).toMatchObject({ name: 'Helper', version: 1 });
  });
});

describe('identity', () => {
  it('says who asks, and stops a key at once when it is revoked or its principal disabled', async () => {
    const principal = await world.api.call<{ id: string }>('POST', '/v1/principals', {
      name: 'Ada',
      role: 'operator',
    });
    const make = (): Promise<ApiKey & { secret: string }> =>
      world.api.call('POST', '/v1/keys', { name: 'k', role: 'operator', principalId: principal.id });
    const [one, two] = [await make(), await make()];
    const me = (secret: string): Promise<Response> =>
      fetch(`${world.url}/v1/me`, { headers: { 'x-api-key': secret } });
    const known = (await (await me(one.secret)).json()) as MeReply & { organization: Organization };
    expect(known).toMatchObject({
      principal: { name: 'Ada' },
      key: { role: 'operator' },
      organization: { id: 1 },
    });
    await world.api.call('DELETE', `/v1/keys/${one.id}`);
    expect((await me(one.secret)).status).toBe(401);
    expect((await me(two.secret)).status).toBe(200);
    await world.api.call('PATCH', `/v1/principals/${principal.id}`, { disabled: true });
    expect((await me(two.secret)).status).toBe(401);
  });
});

async function frames(
  runId: string,
  after: number,
): Promise<{ id: string | null; event: string; data: unknown }[]> {
  const all: { id: string | null; event: string; data: unknown }[] = [];
  for await (const frame of world.api.stream(runId, { after, until: 'finished' })) all.push(frame);
  return all;
}
