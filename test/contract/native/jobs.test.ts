import type { Job, JobPreview, Run, RunEvent } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { eventually } from '../../world/eventually.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const LATER = '2090-01-01T00:00:00.000Z';

/** Runs that do nothing until then, told apart by their batch. */
async function runs(batch: string, count: number): Promise<Run[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) =>
      world().api.start({ input: 'x', startAt: LATER, metadata: { batch, n } }),
    ),
  );
}

function filterOf(batch: string, more: Body = {}): Body {
  return { metadata: { batch }, ...more };
}

function create(body: Body): Promise<Job> {
  return world().api.call('POST', '/v1/jobs', body);
}

function get(jobId: string): Promise<Job> {
  return world().viewer.call('GET', `/v1/jobs/${jobId}`);
}

async function ended(job: Job): Promise<Job> {
  return eventually(
    async () => {
      const now = await get(job.id);
      return now.finishedAt === null ? null : now;
    },
    { what: `job ${job.id} ends`, timeoutMs: 30_000 },
  );
}

async function statuses(list: readonly Run[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { id } of list) {
    const { status } = await world().api.run(id);
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

describe('bulk jobs', () => {
  verifies(['jobs.filter', 'jobs.progress', 'jobs.actor'], async () => {
    const mine = await runs('filtered', 25);
    await world().api.command(mine[0]?.id ?? '', 'cancel');
    const reply = await world().operator.request<Job>('POST', '/v1/jobs', {
      body: { action: 'pause', filter: filterOf('filtered', { status: ['queued'] }), reason: 'for a while' },
    });
    expect(reply.status).toBe(202);
    expect(reply.headers.get('location')).toBe(`/v1/jobs/${reply.body.id}`);
    expect(reply.body).toMatchObject({
      action: 'pause',
      total: 24,
      done: 0,
      status: 'queued',
      reason: 'for a while',
      filter: { metadata: { batch: 'filtered' }, status: ['queued'] },
      createdBy: { name: 'operator' },
    });
    const job = await ended(reply.body);
    expect(job).toMatchObject({
      status: 'succeeded',
      done: 24,
      changed: 24,
      skipped: 0,
      failed: 0,
      errors: [],
    });
    expect(await statuses(mine)).toEqual({ paused: 24, cancelled: 1 });
    const events = await world().api.events(mine[1]?.id ?? '');
    const placed = only(events.filter((event) => event.type === 'hold.placed')) as RunEvent & {
      type: 'hold.placed';
    };
    expect(placed.data.hold).toMatchObject({
      by: { name: 'operator' },
      reason: `for a while (bulk job ${job.id})`,
    });
    expect((await ended(await create({ action: 'pause', filter: filterOf('filtered') }))).skipped).toBe(24);
  });

  verifies(['jobs.ids'], async () => {
    const mine = await runs('by-id', 3);
    const ids = mine.map((run) => run.id);
    await world().api.command(ids[0] ?? '', 'cancel');
    const foreign = await world().stranger.start({ input: 'x', startAt: LATER });
    const unknown = '01890000-0000-7000-8000-000000000000';
    const job = await ended(
      await create({ action: 'pause', ids: [...ids, ids[1], foreign.id, unknown], stopOnErrorShare: 1 }),
    );
    expect(job).toMatchObject({
      status: 'succeeded',
      total: 5,
      changed: 2,
      skipped: 0,
      failed: 3,
      filter: null,
    });
    const codes = Object.fromEntries(job.errors.map((error) => [error.runId, error.code]));
    expect(codes).toEqual({
      [ids[0] ?? '']: 'invalid_transition',
      [foreign.id]: 'not_found',
      [unknown]: 'not_found',
    });
    expect((await world().stranger.run(foreign.id)).status).toBe('queued');
    expect((await world().stranger.request('GET', `/v1/jobs/${job.id}`)).status).toBe(404);
  });

  verifies(['jobs.actions'], async () => {
    const mine = await runs('actions', 4);
    const failed = await world().api.start({ model: 'no/model', input: 'x', metadata: { batch: 'actions' } });
    await world().api.reaches(failed.id, 'failed');
    const all = filterOf('actions');
    await ended(await create({ action: 'pause', filter: all, hold: 'night' }));
    expect((await world().api.run(mine[0]?.id ?? '')).holds.map((hold) => hold.name)).toEqual(['night']);
    const held = await ended(await create({ action: 'resume', filter: all }));
    expect(held).toMatchObject({ changed: 0, failed: 4 });
    expect(held.errors[0]?.code).toBe('held');
    const resumed = await ended(
      await create({ action: 'resume', filter: filterOf('actions', { hold: ['night'] }), hold: 'night' }),
    );
    expect(resumed).toMatchObject({ total: 4, changed: 4 });
    expect(await ended(await create({ action: 'retry', filter: all }))).toMatchObject({
      total: 1,
      changed: 1,
    });
    await world().api.event(failed.id, 'run.reopened');
    expect(await ended(await create({ action: 'cancel', filter: all }))).toMatchObject({ failed: 0 });
    expect((await statuses(mine))['cancelled']).toBe(4);
  });

  verifies(['jobs.dry-run'], async () => {
    const mine = await runs('dry', 12);
    await world().api.command(mine[0]?.id ?? '', 'pause');
    const before = await world().api.call<{ data: Job[] }>('GET', '/v1/jobs');
    const body = { action: 'cancel', filter: filterOf('dry'), dryRun: true };
    const reply = await world().operator.request<JobPreview>('POST', '/v1/jobs', { body });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      dryRun: true,
      action: 'cancel',
      total: 12,
      byStatus: { queued: 11, paused: 1 },
    });
    expect(reply.body.sample).toHaveLength(10);
    expect(reply.body.sample[0]).toMatchObject({ status: 'queued', title: null });
    expect(await world().api.call('GET', '/v1/jobs')).toEqual(before);
    expect((await world().api.run(mine[1]?.id ?? '')).head).toBe(mine[1]?.head);
    const ids = [mine[0]?.id, mine[1]?.id, '01890000-0000-7000-8000-000000000000'];
    const named = { action: 'resume', ids, dryRun: true };
    expect(await world().api.call('POST', '/v1/jobs', named)).toMatchObject({
      total: 1,
      byStatus: { paused: 1 },
    });
  });

  verifies(['jobs.rate'], async () => {
    await runs('rated', 40);
    const started = performance.now();
    const job = await create({ action: 'pause', filter: filterOf('rated'), ratePerSecond: 20 });
    const frames: Job[] = [];
    for await (const frame of world().viewer.frames('GET', `/v1/jobs/${job.id}`)) {
      if (frame.event === 'job.progress') frames.push(frame.data as Job);
      else expect(frame).toMatchObject({ event: 'stream.end', data: { reason: 'finished' } });
    }
    const seconds = (performance.now() - started) / 1000;
    expect(seconds).toBeGreaterThan((40 - 1) / 20);
    const last = frames.at(-1);
    expect(last).toMatchObject({ status: 'succeeded', done: 40, changed: 40 });
    const done = frames.map((frame) => frame.done);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(frames.length).toBeGreaterThan(2);
  });

  verifies(['jobs.cancel', 'jobs.list'], async () => {
    const mine = await runs('cancelled', 30);
    const job = await create({ action: 'pause', filter: filterOf('cancelled'), ratePerSecond: 10 });
    await eventually(async () => (await get(job.id)).done > 0, { what: 'the job has begun' });
    const first = await world().operator.call<{ job: Job; changed: boolean }>(
      'POST',
      `/v1/jobs/${job.id}/cancel`,
    );
    expect(first).toMatchObject({
      changed: true,
      job: { status: 'cancelled', endedBy: { name: 'operator' } },
    });
    const again = await world().operator.call<{ job: Job; changed: boolean }>(
      'POST',
      `/v1/jobs/${job.id}/cancel`,
    );
    expect(again).toMatchObject({ changed: false, job: { status: 'cancelled' } });
    // A job that was made later and is over shows that the first one was left alone meanwhile.
    await ended(await create({ action: 'retry', ids: [mine[0]?.id ?? ''] }));
    const now = await get(job.id);
    expect(now.done).toBeLessThan(30);
    expect((await statuses(mine))['paused']).toBe(now.changed);
    const cancelled = await world().viewer.call<{ data: Job[] }>(
      'GET',
      '/v1/jobs?status=cancelled&action=pause',
    );
    expect(cancelled.data.map(({ id }) => id)).toEqual([job.id]);
    const newest = await world().viewer.call<{ data: Job[]; nextCursor: string }>('GET', '/v1/jobs?limit=1');
    expect(newest.data[0]?.action).toBe('retry');
    const next = await world().viewer.call<{ data: Job[] }>(
      'GET',
      `/v1/jobs?limit=1&cursor=${newest.nextCursor}`,
    );
    expect(next.data[0]?.id).toBe(job.id);
  });

  verifies(['jobs.stop-on-errors'], async () => {
    const mine = await runs('failing', 150);
    await ended(await create({ action: 'cancel', ids: mine.map((run) => run.id) }));
    const ids = mine.map((run) => run.id);
    const job = await ended(await create({ action: 'pause', ids, stopOnErrorShare: 0.5 }));
    expect(job.status).toBe('failed');
    expect(job.failed).toBe(job.done);
    expect(job.done).toBeLessThan(150);
    expect(job.errors).toHaveLength(10);
    const patient = await ended(await create({ action: 'pause', ids }));
    expect(patient).toMatchObject({ status: 'succeeded', failed: 150 });
  });

  verifies(['jobs.bad-request'], async () => {
    const { api } = world();
    const bad: Body[] = [
      { action: 'pause' },
      { action: 'pause', filter: {}, ids: ['01890000-0000-7000-8000-000000000000'] },
      { action: 'cancel', filter: {}, hold: 'mine' },
      { action: 'pause', ids: [] },
      { action: 'pause', ids: ['x'] },
      { action: 'start', filter: {} },
      { action: 'pause', filter: { limit: 1 } },
      { action: 'pause', filter: { status: ['odd'] } },
      { action: 'pause', filter: {}, ratePerSecond: 0 },
      { action: 'pause', filter: {}, stopOnErrorShare: 2 },
    ];
    for (const body of bad)
      expect(await api.refused('POST', '/v1/jobs', body)).toMatchObject({ status: 422 });
    expect(
      (await world().viewer.request('POST', '/v1/jobs', { body: { action: 'pause', filter: {} } })).status,
    ).toBe(403);
    const none = await create({ action: 'pause', filter: { key: 'nothing-has-this-key' } });
    expect(none).toMatchObject({ total: 0, status: 'succeeded' });
  });
});
