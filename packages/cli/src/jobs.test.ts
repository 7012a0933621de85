import { describe, expect, it } from 'vitest';
import type { Job } from '@fermata/sdk';
import { fermata, reply } from '../test/cli-world.ts';

function sampleJob(more: Partial<Job> = {}): Job {
  return {
    id: 'job_1',
    action: 'resume',
    status: 'queued',
    filter: {},
    hold: null,
    reason: null,
    ratePerSecond: null,
    stopOnErrorShare: null,
    total: 3,
    done: 0,
    changed: 0,
    skipped: 0,
    failed: 0,
    errors: [],
    createdBy: { type: 'principal', id: 'p1', name: 'admin' },
    endedBy: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    finishedAt: null,
    ...more,
  };
}

describe('jobs', () => {
  it('start sends the filters, the rate and what else was said', async () => {
    const result = await fermata(
      [
        'jobs',
        'start',
        'resume',
        '--status',
        'paused',
        '--held',
        'budget,night',
        '--rate',
        '50',
        '--reason',
        'go',
      ],
      { api: { 'POST /jobs': reply(202, sampleJob(), 'application/json') } },
    );
    expect(result.code).toBe(0);
    expect(result.sent[0]?.body).toEqual({
      action: 'resume',
      filter: { status: ['paused'], hold: ['budget', 'night'] },
      ratePerSecond: 50,
      reason: 'go',
    });
    expect(result.out).toBe('job_1  resume  queued  0 of 3: 0 changed, 0 skipped, 0 failed\n');
  });

  it('start takes ids, and every run only when that is said', async () => {
    const api = { 'POST /jobs': reply(202, sampleJob(), 'application/json') };
    const byId = await fermata(['jobs', 'start', 'pause', '--id', 'a,b', '--hold', 'night'], { api });
    expect(byId.sent[0]?.body).toEqual({ action: 'pause', ids: ['a', 'b'], hold: 'night' });
    expect(await fermata(['jobs', 'start', 'cancel'], { api })).toMatchObject({ code: 2, sent: [] });
    expect(await fermata(['jobs', 'start', 'cancel', '--every', '--id', 'a'], { api })).toMatchObject({
      code: 2,
    });
    const every = await fermata(['jobs', 'start', 'cancel', '--every'], { api });
    expect(every.sent[0]?.body).toEqual({ action: 'cancel', filter: {} });
  });

  it('start --dry-run says for which runs, and makes none', async () => {
    const preview = {
      dryRun: true,
      action: 'cancel',
      total: 12,
      byStatus: { paused: 12 },
      sample: [{ id: 'r1', number: 1, status: 'paused', title: 'Pay \u001b[31mnow' }],
    };
    const result = await fermata(['jobs', 'start', 'cancel', '--q', 'pay', '--dry-run'], {
      api: { 'POST /jobs': preview },
    });
    expect(result.sent[0]?.body).toEqual({ action: 'cancel', filter: { q: 'pay' }, dryRun: true });
    expect(result.out).toContain('12 runs\n  r1  paused  Pay');
    expect(result.out).not.toContain('\u001b');
  });

  it('watch follows a job to its end, shows refusals, and exits with 5 unless it succeeded', async () => {
    const running = sampleJob({ status: 'running', done: 1, changed: 1 });
    const failed = sampleJob({
      status: 'failed',
      done: 2,
      changed: 1,
      failed: 1,
      errors: [{ runId: 'r2', code: 'held', message: 'no' }],
    });
    const frames = [
      { event: 'job.progress', data: running },
      { event: 'job.progress', data: failed },
      { event: 'stream.end', data: { reason: 'finished' } },
    ];
    const text = frames
      .map(({ event, data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
      .join('');
    const result = await fermata(['jobs', 'watch', 'job_1'], {
      api: { 'GET /jobs/job_1': reply(200, text, 'text/event-stream') },
    });
    expect(result.code).toBe(5);
    expect(result.out.trim().split('\n')).toHaveLength(2);
    expect(result.err).toContain('r2  held: no');
  });

  it('list, get and cancel show jobs', async () => {
    const api = {
      'GET /jobs': { data: [sampleJob()], nextCursor: null },
      'GET /jobs/job_1': sampleJob({ done: 3, changed: 3, status: 'succeeded' }),
      'POST /jobs/job_1/cancel': { job: sampleJob({ status: 'cancelled' }), changed: true },
    };
    expect((await fermata(['jobs', 'list'], { api })).out).toContain('job_1  resume  queued  0/3');
    expect((await fermata(['jobs', 'get', 'job_1'], { api })).out).toContain('succeeded  3 of 3');
    expect((await fermata(['jobs', 'cancel', 'job_1'], { api })).out).toContain('cancelled');
  });
});
