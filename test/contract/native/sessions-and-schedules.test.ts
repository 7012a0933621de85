import type { Run, Schedule, Session } from '@fermata/protocol';
import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { eventually } from '../../world/eventually.ts';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

async function said(body: Record<string, unknown>): Promise<Run> {
  const run = await world().api.start({ model: 'script/echo', ...body });
  return world().api.finished(run.id);
}

describe('sessions', () => {
  verifies(['sessions.history'], async () => {
    const sessionKey = `key-${randomUUID()}`;
    const first = await said({ input: 'one', sessionKey });
    const second = await said({ input: 'two', sessionKey });
    expect(second.sessionId).toBe(first.sessionId);
    const texts = (await world().api.messages(second.id)).map((message) => message.parts[0]);
    expect(texts).toEqual(['one', 'one', 'two', 'two'].map((text) => ({ type: 'text', text })));
    // The log of a run keeps what it began with, whatever becomes of the session.
    await world().api.call('DELETE', `/v1/sessions/${first.sessionId ?? ''}`);
    expect(await world().api.messages(second.id)).toHaveLength(4);
    const anew = await said({ input: 'three', sessionKey });
    expect(anew.sessionId).toBe(first.sessionId);
    expect(await world().api.messages(anew.id)).toHaveLength(2);
  });

  verifies(['sessions.last-twenty'], async () => {
    const sessionId = randomUUID();
    for (let n = 1; n <= 12; n++) await said({ input: `text ${n}`, sessionId });
    const last = await said({ input: 'last', sessionId });
    const messages = await world().api.messages(last.id);
    expect(messages).toHaveLength(22);
    expect(messages[0]?.parts).toEqual([{ type: 'text', text: 'text 3' }]);
    const external = await world().api.start({ mode: 'external', input: 'x', sessionId });
    expect(await world().api.types(external.id)).not.toContain('message.received');
  });

  verifies(['sessions.crud'], async () => {
    const key = `crud-${randomUUID()}`;
    const created = await world().developer.request<Session>('POST', '/v1/sessions', {
      body: { key, title: 'A', metadata: { a: 1 } },
    });
    expect(created.status).toBe(201);
    const { id } = created.body;
    expect(created.headers.get('location')).toBe(`/v1/sessions/${id}`);
    expect(created.body).toMatchObject({ key, title: 'A', metadata: { a: 1 }, latestRun: null });
    expect(created.body.runs).toEqual({ total: 0, active: 0, succeeded: 0, failed: 0, cancelled: 0 });
    const again = await world().developer.request<Session>('POST', '/v1/sessions', {
      body: { key, title: 'B' },
    });
    expect([again.status, again.body]).toEqual([200, created.body]);
    const run = await said({ input: 'x', sessionKey: key });
    const after = await world().viewer.call<Session>('GET', `/v1/sessions/${id}`);
    expect(after).toMatchObject({
      runs: { total: 1, succeeded: 1 },
      latestRun: { id: run.id, status: 'succeeded' },
      usage: { inputTokens: run.usage.inputTokens },
    });
    const changed = await world().developer.call<Session>('PATCH', `/v1/sessions/${id}`, {
      title: null,
      metadata: { a: null, b: 2 },
    });
    expect(changed).toMatchObject({ title: null, metadata: { b: 2 } });
    const byKey = await world().viewer.call<Page<Session>>('GET', `/v1/sessions?key=${key}`);
    expect(byKey.data.map((session) => session.id)).toEqual([id]);
    const runs = await world().viewer.call<Page<Run>>('GET', `/v1/runs?session=${id}`);
    expect(runs.data.map((one) => one.id)).toEqual([run.id]);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Page<Session> = await world().viewer.call(
        'GET',
        `/v1/sessions?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...page.data.map((session) => session.id));
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen[0]).toBe(id);
  });
});

describe('schedules', () => {
  verifies(['schedules.crud'], async () => {
    const body = { name: 'Daily', cron: '0 7 * * *', timezone: 'Europe/Berlin', run: { input: 'report' } };
    const created = await world().developer.request<Schedule>('POST', '/v1/schedules', { body });
    expect(created.status).toBe(201);
    const path = `/v1/schedules/${created.body.id}`;
    expect(created.headers.get('location')).toBe(path);
    expect(created.body).toMatchObject({
      ...body,
      description: '',
      missed: 'once',
      status: 'active',
      paused: null,
      fires: { total: 0, succeeded: 0, failed: 0 },
      lastFireAt: null,
      nextFireAt: expect.stringMatching(/T0[56]:00:00\.000Z$/) as string,
    });
    const paused = await world().developer.call<Schedule>('PATCH', path, {
      status: 'paused',
      reason: 'holidays',
    });
    expect(paused).toMatchObject({ status: 'paused', paused: { reason: 'holidays' }, nextFireAt: null });
    expect(
      (await world().viewer.call<Page<Schedule>>('GET', '/v1/schedules?status=paused')).data.map(
        (one) => one.id,
      ),
    ).toContain(created.body.id);
    const moved = await world().developer.call<Schedule>('PATCH', path, {
      status: 'active',
      cron: '30 9 * * *',
    });
    expect(moved.nextFireAt).toMatch(/T0[78]:30:00/);
    expect((await world().developer.request('DELETE', path)).status).toBe(204);
    expect((await world().viewer.refused('GET', path)).code).toBe('not_found');
  });

  verifies(['schedules.refusals'], async () => {
    const refused = async (more: Record<string, unknown>, path: string): Promise<void> => {
      const body = { name: 'x', cron: '0 7 * * *', run: { input: 'x' }, ...more };
      const problem = await world().developer.refused('POST', '/v1/schedules', body);
      expect([problem.code, problem.errors?.[0]?.path]).toEqual(['invalid_request', path]);
    };
    await refused({ cron: 'soon' }, 'body.cron');
    await refused({ cron: '0 0 7 * * *' }, 'body.cron');
    await refused({ timezone: 'Mars/Olympus' }, 'body.timezone');
    await refused({ run: { input: 'x', key: 'mine' } }, 'body.run.key');
    await refused({ missed: 'maybe' }, 'body.missed');
    const unknown = { name: 'x', cron: '0 7 * * *', run: { agent: 'agent_gone' } };
    expect((await world().developer.refused('POST', '/v1/schedules', unknown)).code).toBe('not_found');
  });

  verifies(['schedules.fire'], async () => {
    const { id } = await world().developer.call<Schedule>('POST', '/v1/schedules', {
      name: 'Now',
      cron: '0 7 * * *',
      run: { input: 'tick', model: 'script/echo' },
    });
    await world().database.sql`update schedules set next_fire_at = now() where name = 'Now'`;
    interface Fire {
      fireAt: string;
      runId: string | null;
    }
    const fires = (): Promise<Page<Fire>> => world().viewer.call('GET', `/v1/schedules/${id}/fires`);
    await eventually(async () => typeof (await fires()).data[0]?.runId === 'string', {
      what: 'it has fired',
    });
    const [fire] = (await fires()).data;
    const run = await world().api.finished(fire?.runId ?? '');
    expect(run).toMatchObject({
      origin: 'schedule',
      title: 'Now',
      output: 'tick',
      key: `schedule:${id}:${fire?.fireAt ?? ''}`,
      createdBy: { name: 'developer' },
    });
    const after = await world().viewer.call<Schedule>('GET', `/v1/schedules/${id}`);
    expect(after).toMatchObject({ fires: { total: 1, succeeded: 1 }, lastFireAt: fire?.fireAt });
  });
});
