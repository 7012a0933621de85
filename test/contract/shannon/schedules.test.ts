import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { eventually } from '../../world/eventually.ts';
import { sharedWorld } from '../../world/server.ts';
import { runOf, ShannonClient } from './shannon-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ servers: 2, env: { FERMATA_SHANNON_RATE_LIMITS: 'off' } });
const shannon = (): ShannonClient => ShannonClient.of(world());

const FIELDS = {
  name: 'Daily',
  cron_expression: '0 7 * * *',
  task_query: 'Write the report',
  timezone: 'Europe/Berlin',
  task_context: { topic: 'music' },
  max_budget_per_run_usd: 2,
};

async function create(fields: Record<string, unknown> = {}): Promise<string> {
  const made = await shannon().request('POST', '/api/v1/schedules', { body: { ...FIELDS, ...fields } });
  expect(made.status).toBe(201);
  expect(made.body).toEqual({
    schedule_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    message: 'Schedule created successfully',
    next_run_at: expect.any(String) as string,
  });
  return String(made.body['schedule_id']);
}

describe('schedules', () => {
  verifies(['schedule.crud'], async () => {
    const id = await create();
    const path = `/api/v1/schedules/${id}`;
    const schedule = await shannon().ok('GET', path);
    expect(schedule).toEqual({
      schedule_id: id,
      ...FIELDS,
      timeout_seconds: 3600,
      status: 'ACTIVE',
      created_at: expect.any(String) as string,
      updated_at: expect.any(String) as string,
      next_run_at: expect.stringMatching(/T0[56]:00:00/) as string,
    });
    const changed = await shannon().ok('PUT', path, {
      name: 'Weekly',
      cron_expression: '30 8 * * 1',
      clear_task_context: true,
    });
    expect(changed).toMatchObject({ success: true, message: 'Schedule updated successfully' });
    const after = await shannon().ok('GET', path);
    expect(after).toMatchObject({
      name: 'Weekly',
      task_query: 'Write the report',
      cron_expression: '30 8 * * 1',
    });
    expect(after).not.toHaveProperty('task_context');
    for (let i = 0; i < 2; i++) {
      expect(await shannon().ok('POST', `${path}/pause`, {})).toEqual({
        success: true,
        message: 'Schedule paused',
      });
    }
    const paused = await shannon().ok('GET', path);
    expect(paused['status']).toBe('PAUSED');
    expect(paused).not.toHaveProperty('next_run_at');
    const list = (query: string): Promise<{ schedules?: { schedule_id: string }[]; total_count?: number }> =>
      shannon().ok('GET', `/api/v1/schedules?${query}`);
    expect((await list('status=PAUSED')).schedules?.map((one) => one.schedule_id)).toContain(id);
    expect((await list('status=ACTIVE')).schedules?.map((one) => one.schedule_id) ?? []).not.toContain(id);
    for (let i = 0; i < 2; i++) {
      expect(await shannon().ok('POST', `${path}/resume`)).toMatchObject({
        success: true,
        message: 'Schedule resumed',
        next_run_at: expect.any(String) as string,
      });
    }
    expect(await shannon().ok('GET', `${path}/runs`)).toEqual({
      runs: [],
      total_count: 0,
      page: 1,
      page_size: 20,
    });
    const native = await world().api.call<{ run: { input: string } }>(
      'GET',
      `/v1/schedules/sched_${id.replaceAll('-', '')}`,
    );
    expect(native.run.input).toBe('Write the report');
    expect(await shannon().ok('DELETE', path)).toEqual({
      success: true,
      message: 'Schedule deleted successfully',
    });
    for (const method of ['GET', 'DELETE']) {
      const gone = await shannon().request(method, path);
      expect([gone.status, gone.body]).toEqual([404, { error: 'Schedule not found' }]);
    }
    expect(await list('page=0&page_size=1000')).toMatchObject({ page: 1, page_size: 50 });
  });

  verifies(['schedule.refusals'], async () => {
    const refused = async (fields: Record<string, unknown>, error: RegExp): Promise<void> => {
      const reply = await shannon().request('POST', '/api/v1/schedules', { body: { ...FIELDS, ...fields } });
      expect(reply.status).toBe(400);
      expect(reply.body['error']).toMatch(error);
    };
    await refused({ name: '' }, /^schedule name required$/);
    await refused({ cron_expression: undefined }, /^cron expression required$/);
    await refused({ task_query: '' }, /^task query required$/);
    await refused({ cron_expression: 'every day' }, /^invalid cron expression: /);
    await refused({ cron_expression: '0 0 7 * * *' }, /^invalid cron expression: /);
    await refused(
      { cron_expression: '*/30 * * * *' },
      /^cron interval too short: must be at least 60 minutes$/,
    );
    await refused({ timezone: 'Mars/Olympus' }, /^invalid timezone: /);
    await refused({ max_budget_per_run_usd: 11 }, /^budget exceeds limit: /);
    const malformed = await shannon().request('GET', '/api/v1/schedules/not-a-uuid');
    expect([malformed.status, malformed.body]).toEqual([500, { error: 'invalid schedule ID' }]);
    const id = await create();
    const stranger = ShannonClient.of(world(), world().stranger.key);
    expect((await stranger.request('GET', `/api/v1/schedules/${id}`)).status).toBe(404);
    expect((await stranger.request('POST', `/api/v1/schedules/${randomUUID()}/pause`)).status).toBe(404);
  });

  verifies(['schedule.fires'], async () => {
    const id = await create({ max_budget_per_run_usd: 0 });
    // The test's clock: the schedule was due a moment ago, and two servers look at it.
    await world().database
      .sql`update schedules set next_fire_at = now() - interval '1 second' where id = ${id}`;
    interface Runs {
      runs: Record<string, unknown>[];
      total_count: number;
    }
    const runs = (): Promise<Runs> => shannon().ok('GET', `/api/v1/schedules/${id}/runs`);
    await eventually(async () => (await runs()).runs[0]?.['status'] === 'COMPLETED', {
      what: 'the task has run',
    });
    const fired = await runs();
    expect(fired.total_count).toBe(1);
    expect(fired.runs[0]).toMatchObject({ query: 'Write the report', result: 'Write the report' });
    const taskId = String(fired.runs[0]?.['workflow_id']);
    expect(await shannon().ok('GET', `/api/v1/tasks/${taskId}`)).toMatchObject({
      query: 'Write the report',
      context: { topic: 'music' },
    });
    const run = await world().api.run(runOf(taskId));
    expect(run).toMatchObject({ origin: 'schedule', title: 'Daily', limits: { maxActiveSeconds: 3600 } });
    expect(await shannon().ok('GET', `/api/v1/schedules/${id}`)).toMatchObject({
      total_runs: 1,
      successful_runs: 1,
      last_run_at: expect.any(String) as string,
    });
  });
});
