import type { AddNoteReply, Preview, Run, SendMessageReply } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { waitingRun } from './sample-data.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ servers: 2 });
const LATER = '2090-01-01T00:00:00.000Z';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('startRun', () => {
  verifies(['start.minimal', 'shape.nulls'], async () => {
    const reply = await world().api.request<Run>('POST', '/v1/runs', { body: { input: 'hello' } });
    expect(reply.status).toBe(201);
    const run = reply.body;
    expect(reply.headers.get('location')).toBe(`/v1/runs/${run.id}`);
    expect(reply.headers.get('fermata-run-id')).toBe(run.id);
    expect(run.id).toMatch(UUID_V7);
    expect(run).toMatchObject({
      key: null,
      title: null,
      sessionId: null,
      parentId: null,
      forkedFrom: null,
      sealed: null,
    });
    expect(run.createdAt).toMatch(TIME);
    const ended = await world().api.reaches(run.id, 'succeeded');
    expect(ended).toMatchObject({ output: 'hello', error: null, endedBy: { actor: { type: 'agent' } } });
    for (const time of [ended.startedAt, ended.finishedAt, ended.statusSince, ended.updatedAt])
      expect(time).toMatch(TIME);
  });

  verifies(['start.inline-agent'], async () => {
    const agent = {
      name: 'inline',
      model: 'script/own',
      script: [{ text: 'I say {{input}}' }],
      limits: { maxTurns: 3 },
      instructions: 'be brief',
    };
    const run = await world().api.start({ agent, input: 'this' });
    expect(run).toMatchObject({
      agent: { id: null, name: 'inline', model: 'script/own', version: null },
      limits: { maxTurns: 3 },
    });
    expect(await world().api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'I say this' });
  });

  verifies(['start.saved-agent'], async () => {
    const fields = { name: 'saved', model: 'script/own', script: [{ text: 'saved' }] };
    const agent = await world().api.call<{ id: string }>('POST', '/v1/agents', fields);
    const run = await world().api.start({ agent: agent.id, input: 'x' });
    expect(run.agent).toEqual({ id: agent.id, name: 'saved', model: 'script/own', version: 1 });
    expect(await world().api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'saved' });
  });

  verifies(['start.key'], async () => {
    const body = { key: 'mine', input: 'x', startAt: LATER };
    const first = await world().api.request<Run>('POST', '/v1/runs', { body });
    const second = await world().second.request<Run>('POST', '/v1/runs', { body });
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body.id).toBe(first.body.id);
    expect(second.headers.get('location')).toBe(`/v1/runs/${first.body.id}`);
  });

  verifies(['start.stream'], async () => {
    const response = await fetch(`${world().url}/v1/runs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${world().api.key}`,
        accept: 'text/event-stream',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ model: 'script/approval', input: 'x' }),
    });
    expect(response.status).toBe(201);
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const runId = response.headers.get('fermata-run-id') ?? '';
    expect(response.headers.get('location')).toBe(`/v1/runs/${runId}`);
    const text = await response.text();
    expect(text).toMatch(/^id: 1\nevent: run\.created\ndata: \{/);
    expect(text.trimEnd()).toMatch(/event: stream\.end\ndata: \{"reason":"parked"\}$/);
    expect(await world().api.run(runId)).toMatchObject({ status: 'waiting' });
  });

  verifies(['start.start-at'], async () => {
    const run = await world().api.start({ input: 'x', startAt: '2090-01-01T02:00:00+02:00' });
    expect(run).toMatchObject({ status: 'queued', startAt: LATER, startedAt: null });
    expect(await world().api.refused('POST', '/v1/runs', { input: 'x', startAt: 'tomorrow' })).toMatchObject({
      errors: [{ path: 'body.startAt' }],
    });
    await world().api.command(run.id, 'cancel');
    const limits = { deadlineAt: '2090-01-01T02:00:00+02:00' };
    const limited = await world().api.start({ input: 'x', startAt: LATER, limits });
    expect(limited.limits).toEqual({ deadlineAt: LATER });
    const moved = { limits: { deadlineAt: '2089-12-31T23:00:00-01:00' } };
    expect(await world().api.update(limited.id, moved)).toMatchObject({ changed: false });
    await world().api.command(limited.id, 'cancel');
  });

  verifies(['start.secrets-write-only'], async () => {
    const secret = 'a-secret-of-this-run';
    const run = await world().api.start({ input: 'x', secrets: { key: secret } });
    await world().api.reaches(run.id, 'succeeded');
    await world().api.events(run.id);
    await world().api.messages(run.id);
    expect(world().replies.join('')).not.toContain(secret);
    expect(run).not.toHaveProperty('secrets');
  });

  verifies(['start.fields', 'run.get'], async () => {
    const body = {
      input: { any: ['thing'] },
      title: 'T',
      metadata: { a: { b: 1 } },
      limits: { maxTokens: 9 },
      startAt: LATER,
    };
    const run = await world().developer.start(body);
    expect(run).toMatchObject({
      title: 'T',
      metadata: { a: { b: 1 } },
      limits: { maxTokens: 9 },
      kind: 'agent',
      mode: 'managed',
      origin: 'native',
      input: { any: ['thing'] },
      organizationId: 1,
      createdBy: { type: 'principal', name: 'developer' },
      usage: { turns: 0, toolCalls: 0 },
      head: 1,
      turn: 0,
      holds: [],
      openWaits: [],
    });
    expect(await world().second.run(run.id)).toEqual(run);
    const next = await world().api.start({ input: 'x', startAt: LATER });
    expect(next.number).toBeGreaterThan(run.number);
    expect((await world().api.request('GET', `/v1/runs/${run.id.toUpperCase()}`)).body).toEqual(run);
  });
});

describe('commands on a run', () => {
  verifies(['run.pause', 'run.resume', 'run.resume-open-waits'], async () => {
    const { runId } = await waitingRun(world());
    const paused = await world().operator.command(runId, 'pause', {
      reason: 'r',
      hold: 'night',
      stopClock: false,
    });
    expect(paused).toMatchObject({
      changed: true,
      run: {
        status: 'paused',
        holds: [{ name: 'night', reason: 'r', by: { name: 'operator' }, stopClock: false }],
      },
    });
    const resumed = await world().operator.command(runId, 'resume', { hold: 'night', reason: 'day' });
    expect(resumed).toMatchObject({
      changed: true,
      run: { status: 'waiting', holds: [], openWaits: [{ runId, kind: 'approval', tool: 'record_note' }] },
    });
    expect(await world().operator.command(runId, 'resume')).toMatchObject({ changed: false });
    for (const hold of ['Night', '', 'x'.repeat(70), 'a b']) {
      const problem = await world().api.refused('POST', `/v1/runs/${runId}/pause`, { hold });
      expect(problem).toMatchObject({ code: 'invalid_request', errors: [{ path: 'body.hold' }] });
    }
    await world().api.command(runId, 'cancel');
  });

  verifies(['run.resume-dry-run'], async () => {
    const { runId, wait } = await waitingRun(world());
    const waitId = wait.id;
    const { api, viewer } = world();
    const before = await api.run(runId);
    const { preview } = await api.call<{ preview: Preview }>(
      'POST',
      `/v1/runs/${runId}/resume?dryRun=true`,
      {},
    );
    expect(preview).toMatchObject({
      changed: false,
      status: 'waiting',
      next: 'waits',
      calls: [],
      turn: null,
    });
    expect(preview.openWaits.map(({ id }) => id)).toEqual([waitId]);
    for (const path of [
      `/v1/runs/${runId}/messages`,
      `/v1/waits/${waitId}/answer`,
      `/v1/runs/${runId}/resume`,
    ]) {
      expect(await viewer.refused('POST', `${path}?dryRun=true`, {})).toMatchObject({ code: 'forbidden' });
    }
    expect(await api.run(runId)).toEqual(before);
    await api.command(runId, 'cancel');
  });

  verifies(['error.not_supported'], async () => {
    expect(await world().api.refused('POST', '/v1/runs', { input: 'x', webhooks: [] })).toMatchObject({
      status: 501,
      code: 'not_supported',
      retryable: false,
    });
  });

  verifies(['run.update'], async () => {
    const run = await world().api.start({ input: 'x', startAt: LATER, metadata: { keep: 1, drop: 2 } });
    const reply = await world().api.update(run.id, {
      title: 'T',
      metadata: { drop: null, add: 3 },
      sealed: true,
    });
    expect(reply).toMatchObject({ changed: true, run: { title: 'T', sealed: { by: { name: 'admin' } } } });
    expect(reply.run.metadata).toEqual({ keep: 1, add: 3 });
    await world().api.command(run.id, 'cancel');
  });

  verifies(['run.cancel', 'error.invalid_transition'], async () => {
    const { runId } = await waitingRun(world());
    expect(await world().operator.command(runId, 'cancel', { reason: 'enough' })).toMatchObject({
      changed: true,
      run: { status: 'cancelled', endedBy: { actor: { name: 'operator' }, reason: 'enough' } },
    });
    const ended = await world().api.start({ input: 'x' });
    await world().api.reaches(ended.id, 'succeeded');
    expect(await world().api.refused('POST', `/v1/runs/${ended.id}/resume`, {})).toMatchObject({
      status: 409,
      code: 'invalid_transition',
      currentStatus: 'succeeded',
      retryable: false,
    });
  });

  verifies(['run.retry', 'error.unknown-model'], async () => {
    const run = await world().api.start({ model: 'no-such/model', input: 'x' });
    const failed = await world().api.reaches(run.id, 'failed');
    expect(failed).toMatchObject({
      error: { code: 'provider_not_configured' },
      turn: 0,
      usage: { turns: 0 },
    });
    expect(failed.error?.message).toContain('no-such');
    expect(await world().api.command(run.id, 'retry')).toMatchObject({ changed: true });
    await world().api.finished(run.id);
  });

  verifies(['run.report'], async () => {
    const run = await world().developer.start({ mode: 'external', input: 'x' });
    const reply = await world().developer.command(run.id, 'report', {
      status: 'failed',
      error: { code: 'mine', message: 'm' },
    });
    expect(reply).toMatchObject({
      changed: true,
      run: { status: 'failed', error: { code: 'mine', message: 'm' } },
    });
    const managed = await world().api.start({ input: 'x', startAt: LATER });
    expect(await world().api.command(managed.id, 'report', { status: 'succeeded', output: 2 })).toMatchObject(
      {
        run: { status: 'succeeded', output: 2 },
      },
    );
  });

  verifies(['run.message', 'error.waits_open', 'error.sealed'], async () => {
    const { runId } = await waitingRun(world());
    const refused = await world().api.refused('POST', `/v1/runs/${runId}/messages`, { content: 'x' });
    expect(refused).toMatchObject({ status: 409, code: 'waits_open', openWaits: [{ runId }] });
    const sent = await world().api.command<SendMessageReply>(runId, 'messages', {
      content: 'x',
      messageId: 'm1',
      onWaiting: 'queue',
    });
    expect(sent).toMatchObject({ changed: true, run: { id: runId }, message: { id: 'm1' } });
    expect(sent.message.seq).toBe(sent.run.head);
    await world().api.update(runId, { sealed: true });
    const sealed = await world().api.refused('POST', `/v1/runs/${runId}/messages`, {
      content: 'y',
      onWaiting: 'queue',
    });
    expect(sealed).toMatchObject({ status: 409, code: 'sealed' });
    await world().api.command(runId, 'cancel');
  });

  verifies(['run.messages', 'error.unknown-tool'], async () => {
    const { api, model } = world();
    const run = await api.start({
      model: 'gated/m',
      input: 'go',
      tools: [{ type: 'client', name: 'lookup' }],
    });
    (await model.next()).ask({ tool: 'lookup', args: { q: 1 } }, { tool: 'launch', args: {} });
    await api.reaches(run.id, 'waiting');
    await api.answer(only(await api.openWaits(run.id)).id, { output: 'found' });
    const last = await model.next();
    last.say('done');
    last.end();
    await api.reaches(run.id, 'succeeded');
    const messages = await api.messages(run.id);
    expect(messages.map(({ role, turn }) => [role, turn])).toEqual([
      ['user', null],
      ['assistant', 1],
      ['assistant', 2],
    ]);
    expect(messages[1]?.calls).toMatchObject([
      { tool: 'lookup', args: { q: 1 }, state: 'completed', output: 'found' },
      { tool: 'launch', state: 'failed', error: { code: 'unknown_tool' } },
    ]);
    const paged = await api.call<{ data: unknown[]; nextCursor: string }>(
      'GET',
      `/v1/runs/${run.id}/messages?limit=1`,
    );
    expect(paged.data).toEqual([messages[0]]);
    const rest = await api.call<{ data: unknown[]; nextCursor: null }>(
      'GET',
      `/v1/runs/${run.id}/messages?after=${paged.nextCursor}`,
    );
    expect([rest.data, rest.nextCursor]).toEqual([messages.slice(1), null]);
  });

  verifies(['run.fork'], async () => {
    const { runId, wait } = await waitingRun(world());
    const reply = await world().api.request<Run>('POST', `/v1/runs/${runId}/fork`, {
      body: { reason: 'what if' },
    });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('location')).toBe(`/v1/runs/${reply.body.id}`);
    expect(reply.body).toMatchObject({
      forkedFrom: { runId },
      status: 'waiting',
      openWaits: [{ runId: reply.body.id }],
    });
    expect(reply.body.openWaits[0]?.id).not.toBe(wait.id);
    await world().api.command(reply.body.id, 'cancel');
    expect(await world().api.run(runId)).toMatchObject({ status: 'waiting' });
    await world().api.command(runId, 'cancel');
  });

  verifies(['run.note'], async () => {
    const { runId } = await waitingRun(world());
    const reply = await world().operator.command<AddNoteReply>(runId, 'notes', {
      type: 'seen',
      data: { by: 'me' },
    });
    expect(reply).toMatchObject({
      changed: true,
      event: {
        runId,
        type: 'note.logged',
        v: 1,
        data: { noteType: 'seen', data: { by: 'me' }, by: { name: 'operator' } },
      },
    });
    expect(reply.event.seq).toBe(reply.run.head);
    await world().api.command(runId, 'cancel');
  });

  verifies(['run.blob'], async () => {
    const { runId } = await waitingRun(world());
    const digest =
      /blob:(sha256-[0-9a-f]{64})/.exec(JSON.stringify(await world().api.events(runId)))?.[1] ?? '';
    for (const name of [digest, `blob:${digest}`]) {
      const path = `/v1/runs/${runId}/blobs/${encodeURIComponent(name)}`;
      const response = await fetch(world().url + path, {
        headers: { authorization: `Bearer ${world().viewer.key}` },
      });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('image/png');
      expect(response.headers.get('content-security-policy')).toContain('sandbox');
      expect((await response.arrayBuffer()).byteLength).toBe(8);
    }
    await world().api.command(runId, 'cancel');
  });

  verifies(['error.held'], async () => {
    const { runId } = await waitingRun(world());
    await world().api.command(runId, 'pause', { hold: 'audit' });
    expect(await world().api.refused('POST', `/v1/runs/${runId}/resume`, {})).toMatchObject({
      status: 409,
      code: 'held',
      currentStatus: 'paused',
      holds: [{ name: 'audit', by: { name: 'admin' } }],
    });
    await world().api.command(runId, 'cancel');
  });
});
