import type { AddNoteReply } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld();

const LATER = (): string => new Date(Date.now() + 3_600_000).toISOString();

describe('an update', () => {
  it('changes title, metadata and limits by key, and once', async () => {
    const { api } = world();
    const run = await api.start({
      input: 'x',
      startAt: LATER(),
      metadata: { a: 1, b: { c: 2 } },
      limits: { maxTurns: 3 },
    });
    const body = { title: 'New', metadata: { a: null, d: true }, limits: { maxTurns: null, maxTokens: 9 } };
    const updated = await api.update(run.id, body);
    expect(updated).toMatchObject({ changed: true, run: { title: 'New' } });
    expect(updated.run.metadata).toEqual({ b: { c: 2 }, d: true });
    expect(updated.run.limits).toEqual({ maxTokens: 9 });
    expect(await api.update(run.id, body)).toMatchObject({ changed: false, run: { head: updated.run.head } });
    expect(await api.update(run.id, { title: null })).toMatchObject({ changed: true, run: { title: null } });
    await api.command(run.id, 'cancel');
    expect(await api.update(run.id, { title: 'after the end' })).toMatchObject({ changed: true });
  });

  it('seals a run: it takes no message, retry or reopening until it is unsealed', async () => {
    const { api } = world();
    const run = await api.start({ input: 'x' });
    await api.reaches(run.id, 'succeeded');
    const sealed = await api.update(run.id, { sealed: true, reason: 'filed' });
    expect(sealed.run.sealed).toMatchObject({ by: { name: 'admin' }, reason: 'filed' });
    const message = { content: 'more', reopen: true };
    expect(await api.refused('POST', `/v1/runs/${run.id}/messages`, message)).toMatchObject({
      status: 409,
      code: 'sealed',
    });
    await api.command(run.id, 'notes', { type: 'seen' });
    expect(await api.update(run.id, { sealed: false })).toMatchObject({
      changed: true,
      run: { sealed: null },
    });
    await api.command(run.id, 'messages', message);
    await api.reaches(run.id, 'succeeded');
  });

  it('of a failed run that is sealed keeps it from being retried', async () => {
    const { api } = world();
    const run = await api.start({ model: 'no/model', input: 'x' });
    await api.reaches(run.id, 'failed');
    await api.update(run.id, { sealed: true });
    expect(await api.refused('POST', `/v1/runs/${run.id}/retry`, {})).toMatchObject({ code: 'sealed' });
  });
});

describe('notes', () => {
  it('are events of the client’s own, and a key makes them once', async () => {
    const { api } = world();
    const run = await api.start({ input: 'x', startAt: LATER() });
    const body = { type: 'milestone', summary: 'half way', data: { percent: 50 }, key: 'half' };
    const first = await api.command<AddNoteReply>(run.id, 'notes', body);
    expect(first).toMatchObject({
      changed: true,
      event: {
        type: 'note.logged',
        data: { noteType: 'milestone', summary: 'half way', data: { percent: 50 } },
      },
    });
    const again = await api.command<AddNoteReply>(run.id, 'notes', body);
    expect(again).toMatchObject({ changed: false, event: { seq: first.event.seq } });
    await api.command(run.id, 'cancel');
    expect(await api.command(run.id, 'notes', { type: 'after' })).toMatchObject({
      changed: true,
      run: { status: 'cancelled' },
    });
    const notes = (await api.events(run.id)).filter((event) => event.type === 'note.logged');
    expect(notes).toHaveLength(2);
  });
});

describe('the start of a run', () => {
  it('under a key that exists answers with the run that has it', async () => {
    const { api, second, stranger } = world();
    const body = { key: 'order-1', input: 'x', startAt: LATER() };
    const first = await api.request('POST', '/v1/runs', { body });
    expect(first.status).toBe(201);
    const again = await second.request('POST', '/v1/runs', {
      body: { key: 'order-1', input: 'something else' },
    });
    expect(again.status).toBe(200);
    expect(again.body).toMatchObject({ id: (first.body as { id: string }).id, input: 'x' });
    const other = await stranger.request('POST', '/v1/runs', { body });
    expect(other.status).toBe(201);
  });

  it('many times at once under one key makes one run', async () => {
    const { api } = world();
    const body = { key: 'at-once', input: 'x', startAt: LATER() };
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => api.request<{ id: string }>('POST', '/v1/runs', { body })),
    );
    expect(replies.map((reply) => reply.status).sort()).toEqual([...Array<number>(19).fill(200), 201]);
    expect(new Set(replies.map((reply) => reply.body.id)).size).toBe(1);
  });

  it('may lie in the future: the run is queued until then', async () => {
    const { api } = world();
    const startAt = new Date(Date.now() + 700).toISOString();
    const run = await api.start({ input: 'x', startAt });
    expect(run).toMatchObject({ status: 'queued', startAt, startedAt: null });
    const ended = await api.finished(run.id);
    expect(ended.status).toBe('succeeded');
    expect(Date.parse(ended.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(startAt));
  });

  it('pins the agent: a saved one that changes later changes no run', async () => {
    const { api } = world();
    const agent = await api.call<{ id: string; version: number }>('POST', '/v1/agents', {
      name: 'greeter',
      model: 'script/greet',
      script: [{ text: 'hello from version one' }],
    });
    const run = await api.start({
      agent: agent.id,
      input: 'x',
      startAt: new Date(Date.now() + 600).toISOString(),
    });
    await api.call('PATCH', `/v1/agents/${agent.id}`, { script: [{ text: 'hello from version two' }] });
    expect(await api.finished(run.id)).toMatchObject({
      output: 'hello from version one',
      agent: { id: agent.id, name: 'greeter', version: 1 },
    });
    const next = await api.start({ agent: agent.id, input: 'x' });
    expect(await api.finished(next.id)).toMatchObject({
      output: 'hello from version two',
      agent: { version: 2 },
    });
  });
});

describe('an external run', () => {
  it('is driven by its client, who reports how it goes and how it ends', async () => {
    const { api } = world();
    const run = await api.start({ mode: 'external', input: { job: 1 }, title: 'Outside' });
    expect(run).toMatchObject({ status: 'queued', mode: 'external', agent: null });
    expect(await api.command(run.id, 'report', { status: 'running' })).toMatchObject({
      run: { status: 'running' },
    });
    expect(await api.command(run.id, 'report', { summary: 'half' })).toMatchObject({
      run: { summary: 'half' },
    });
    await api.command(run.id, 'notes', { type: 'log', summary: 'did a thing' });
    const ended = await api.command(run.id, 'report', {
      status: 'succeeded',
      output: { n: 1 },
      summary: 'all',
    });
    expect(ended).toMatchObject({
      changed: true,
      run: { status: 'succeeded', output: { n: 1 }, summary: 'all' },
    });
    expect(await api.refused('POST', `/v1/runs/${run.id}/report`, { status: 'failed' })).toMatchObject({
      code: 'invalid_transition',
      currentStatus: 'succeeded',
    });
    expect(await api.command(run.id, 'report', { status: 'succeeded', summary: 'corrected' })).toMatchObject({
      run: { status: 'succeeded', summary: 'corrected' },
    });
    const reopened = await api.command(run.id, 'report', { status: 'running', reopen: true });
    expect(reopened).toMatchObject({ run: { status: 'running', output: null, finishedAt: null } });
    const failed = await api.command(run.id, 'report', {
      status: 'failed',
      error: { code: 'mine', message: 'broke' },
    });
    expect(failed).toMatchObject({ run: { status: 'failed', error: { code: 'mine', message: 'broke' } } });
  });

  it('is paused and resumed, and a report that it runs releases the operator’s hold', async () => {
    const { api } = world();
    const run = await api.start({ mode: 'external', input: 'x' });
    await api.command(run.id, 'report', { status: 'running' });
    expect(await api.command(run.id, 'pause')).toMatchObject({ run: { status: 'paused' } });
    expect(await api.command(run.id, 'report', { status: 'running' })).toMatchObject({
      run: { status: 'running', holds: [] },
    });
    expect(await api.command(run.id, 'cancel')).toMatchObject({ run: { status: 'cancelled' } });
    const body = { status: 'succeeded' };
    expect(await api.refused('POST', `/v1/runs/${run.id}/report`, body)).toMatchObject({
      currentStatus: 'cancelled',
    });
  });

  it('that is managed can only be ended by a report', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'x' });
    const call = await model.next();
    expect(await api.refused('POST', `/v1/runs/${run.id}/report`, { status: 'running' })).toMatchObject({
      status: 422,
    });
    for (const status of ['paused', 'cancelled', 'waiting']) {
      expect(await api.refused('POST', `/v1/runs/${run.id}/report`, { status })).toMatchObject({
        status: 422,
      });
    }
    const ended = await api.command(run.id, 'report', { status: 'succeeded', output: 'by hand' });
    expect(ended).toMatchObject({ run: { status: 'succeeded', output: 'by hand' } });
    await call.closed;
    expect((await api.types(run.id)).slice(-2)).toEqual(['segment.returned', 'run.succeeded']);
  });
});
