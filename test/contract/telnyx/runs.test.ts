import { describe, expect, it } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import {
  externalRun,
  JSON_TYPE,
  missionsOf,
  plain,
  type ExternalRun,
  type Missions,
} from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
let once: Missions | null = null;
const missions = (): Missions => (once ??= missionsOf(world()));

type Status = 'pending' | 'running' | 'paused' | 'succeeded' | 'failed' | 'cancelled';
const STATUSES: readonly Status[] = ['pending', 'running', 'paused', 'succeeded', 'failed', 'cancelled'];

/** A new run in that status. */
async function runIn(status: Status): Promise<ExternalRun> {
  const run = await externalRun(missions());
  const { runs } = missions();
  if (status === 'pending') return run;
  if (status === 'cancelled') await runs.cancelRun(run.run_id, run.of);
  else {
    await runs.update(run.run_id, { ...run.of, status: 'running' });
    if (status !== 'running') await runs.update(run.run_id, { ...run.of, status });
  }
  return run;
}

async function statusOf(ask: Promise<{ data: { status: string } }>): Promise<string | number> {
  try {
    return (await ask).data.status;
  } catch (error) {
    return (error as { status: number }).status;
  }
}

describe('a run', () => {
  verifies(['run.pending', 'wire.times'], async () => {
    const { data: mission } = await missions().create({ name: 'm' });
    const { data: run } = await missions().runs.create(mission.mission_id, { input: { a: 1 } });
    expect(run).toEqual({
      run_id: run.run_id,
      mission_id: mission.mission_id,
      status: 'pending',
      input: { a: 1 },
      started_at: run.started_at,
      updated_at: run.started_at,
    });
    expect(run.started_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const of = { mission_id: mission.mission_id };
    const { data: running } = await missions().runs.update(run.run_id, { ...of, status: 'running' });
    expect(running.started_at).toBe(run.started_at);
    expect(running.updated_at > run.updated_at).toBe(true);
    const { data: ended } = await missions().runs.update(run.run_id, { ...of, status: 'succeeded' });
    expect(ended.started_at).toBe(run.started_at);
    expect(ended.finished_at).toBe(ended.updated_at);
  });

  verifies(['run.actions', 'resume.running', 'resume.refused'], async () => {
    const table: Record<Status, [pause: string | number, resume: string | number, cancel: string | number]> =
      {
        pending: ['paused', 409, 'cancelled'],
        running: ['paused', 'running', 'cancelled'],
        paused: ['paused', 'running', 'cancelled'],
        succeeded: [409, 409, 409],
        failed: [409, 409, 409],
        cancelled: [409, 409, 'cancelled'],
      };
    const { runs } = missions();
    for (const status of STATUSES) {
      const outcomes = [];
      for (const action of ['pauseRun', 'resumeRun', 'cancelRun'] as const) {
        const run = await runIn(status);
        const first = await statusOf(runs[action](run.run_id, run.of));
        const { data: after } = await runs.retrieve(run.run_id, run.of);
        const again = await statusOf(runs[action](run.run_id, run.of));
        expect([status, action, again]).toEqual([status, action, first]);
        const { data: later } = await runs.retrieve(run.run_id, run.of);
        expect(later, 'the second time changes nothing').toEqual(after);
        outcomes.push(first);
      }
      expect([status, ...outcomes]).toEqual([status, ...table[status]]);
    }
  });

  verifies(['resume.paused', 'resume.never-started'], async () => {
    const { runs } = missions();
    const run = await runIn('pending');
    await runs.pauseRun(run.run_id, run.of);
    expect(await statusOf(runs.resumeRun(run.run_id, run.of))).toBe('running');
    await runs.pauseRun(run.run_id, run.of);
    const { data } = await runs.resumeRun(run.run_id, run.of);
    expect(data).toMatchObject({ status: 'running', run_id: run.run_id });
    const types = await world().api.types(run.run_id);
    expect(types.filter((type) => type === 'run.started')).toHaveLength(1);
  });

  verifies(['resume.held'], async () => {
    const { runs } = missions();
    const run = await runIn('running');
    await world().api.command(run.run_id, 'pause', { hold: 'legal' });
    await expect(runs.resumeRun(run.run_id, run.of)).rejects.toMatchObject({
      status: 409,
      message: expect.stringContaining('legal'),
    });
    await runs.pauseRun(run.run_id, run.of);
    expect(await statusOf(runs.resumeRun(run.run_id, run.of))).toBe('paused');
  });

  verifies(['run.body-ignored'], async () => {
    const run = await runIn('running');
    const path = `/${run.mission_id}/runs/${run.run_id}`;
    for (const [action, body, type] of [
      ['pause', '{"not": json', 'application/json'],
      ['resume', 'plain', 'text/plain'],
      ['pause', '[]', 'application/json'],
      ['cancel', '\u0000', 'application/octet-stream'],
    ] as const) {
      const reply = await plain(world(), 'POST', `${path}/${action}`, {
        body,
        headers: { 'content-type': type },
      });
      expect([action, reply.status]).toEqual([action, 200]);
    }
  });

  verifies(['run.wrong-mission', 'error.tenancy'], async () => {
    const [run, other] = [await runIn('running'), await runIn('running')];
    const { runs } = missions();
    await expect(runs.retrieve(run.run_id, other.of)).rejects.toMatchObject({ status: 404 });
    await expect(runs.pauseRun(run.run_id, other.of)).rejects.toMatchObject({ status: 404 });
    const stranger = missionsOf(world(), { key: world().stranger.key });
    await expect(stranger.retrieve(run.mission_id)).rejects.toMatchObject({ status: 404 });
    await expect(stranger.runs.cancelRun(run.run_id, run.of)).rejects.toMatchObject({ status: 404 });
    await expect(stranger.runs.create(run.mission_id)).rejects.toMatchObject({ status: 404 });
    expect((await stranger.runs.listRuns()).data).toEqual([]);
    expect((await stranger.listEvents()).data).toEqual([]);
    expect((await stranger.list()).data).toEqual([]);
  });
});

describe('PATCH', () => {
  verifies(['patch.status'], async () => {
    const table: Record<Status, Record<Status, Status | 409>> = {
      pending: rowOf('pending', 'running', 'paused', 'succeeded', 'failed', 'cancelled'),
      running: rowOf(409, 'running', 'paused', 'succeeded', 'failed', 'cancelled'),
      paused: rowOf(409, 'running', 'paused', 'succeeded', 'failed', 'cancelled'),
      succeeded: rowOf(409, 409, 409, 'succeeded', 409, 409),
      failed: rowOf(409, 409, 409, 409, 'failed', 409),
      cancelled: rowOf(409, 409, 409, 409, 409, 'cancelled'),
    };
    for (const from of STATUSES) {
      for (const to of STATUSES) {
        const run = await runIn(from);
        const outcome = await statusOf(missions().runs.update(run.run_id, { ...run.of, status: to }));
        expect([from, to, outcome]).toEqual([from, to, table[from][to]]);
      }
    }
  });

  verifies(['patch.atomic'], async () => {
    const run = await runIn('succeeded');
    const body = { metadata: { a: 1 }, result_summary: 's', error: 'e', result_payload: { p: 1 } };
    const { data: before } = await missions().runs.retrieve(run.run_id, run.of);
    for (const status of ['running', 'failed', 'paused', 'cancelled', 'pending'] as const) {
      await expect(missions().runs.update(run.run_id, { ...run.of, ...body, status })).rejects.toMatchObject({
        status: 409,
      });
    }
    expect((await missions().runs.retrieve(run.run_id, run.of)).data).toEqual(before);
  });

  verifies(['patch.same', 'patch.late'], async () => {
    for (const status of ['succeeded', 'failed', 'cancelled'] as const) {
      const run = await runIn(status);
      const { data: ended } = await missions().runs.retrieve(run.run_id, run.of);
      const { data: same } = await missions().runs.update(run.run_id, {
        ...run.of,
        status,
        result_summary: 'late',
        metadata: { m: 1 },
      });
      expect(same).toMatchObject({
        status,
        finished_at: ended.finished_at,
        result_summary: 'late',
        metadata: { m: 1 },
      });
      const { data: later } = await missions().runs.update(run.run_id, {
        ...run.of,
        result_payload: { p: 2 },
      });
      expect(later).toMatchObject({ status, finished_at: ended.finished_at, result_payload: { p: 2 } });
    }
  });

  verifies(['patch.fields', 'patch.empty'], async () => {
    const run = await runIn('running');
    const patch = async (body: object): Promise<Record<string, unknown>> => {
      const reply = await plain(world(), 'PATCH', `/${run.mission_id}/runs/${run.run_id}`, {
        body: JSON.stringify(body),
        headers: JSON_TYPE,
      });
      expect(reply.status).toBe(200);
      return reply.body['data'] as Record<string, unknown>;
    };
    await patch({
      result_summary: 's',
      result_payload: { a: 1, b: { c: 1 } },
      metadata: { x: 1, y: { z: 1 } },
    });
    expect(await patch({ metadata: { y: { w: 2 } } })).toMatchObject({
      result_summary: 's',
      result_payload: { a: 1, b: { c: 1 } },
      metadata: { y: { w: 2 } },
    });
    expect((await patch({ metadata: { y: { w: 2 } } }))['metadata']).toEqual({ y: { w: 2 } });
    expect((await patch({ result_payload: { b: {} } }))['result_payload']).toEqual({ b: {} });
    const before = await patch({});
    expect(await patch({ unknown: 1, title: 'x', finished_at: 'never' })).toEqual(before);
    const cleared = await patch({ result_summary: null, result_payload: null, metadata: null, error: null });
    for (const member of ['result_summary', 'result_payload', 'metadata', 'error']) {
      expect(Object.hasOwn(cleared, member)).toBe(false);
    }
    expect(
      await patch({ status: 'succeeded', result_summary: 'end', result_payload: { n: 1 } }),
    ).toMatchObject({
      status: 'succeeded',
      result_summary: 'end',
      result_payload: { n: 1 },
    });
  });

  verifies(['patch.error'], async () => {
    const { runs } = missions();
    const unexplained = await runIn('failed');
    expect((await runs.retrieve(unexplained.run_id, unexplained.of)).data.error).toBeUndefined();
    const explained = await runIn('running');
    await runs.update(explained.run_id, { ...explained.of, error: 'first it stuttered' });
    const { data } = await runs.retrieve(explained.run_id, explained.of);
    expect(data).toMatchObject({ status: 'running', error: 'first it stuttered' });
    const { data: failed } = await runs.update(explained.run_id, { ...explained.of, status: 'failed' });
    expect(failed).toMatchObject({ status: 'failed', error: 'first it stuttered' });
    expect((await world().api.run(explained.run_id)).error).toEqual({
      code: 'reported',
      message: 'first it stuttered',
    });
    const direct = await runIn('running');
    const { data: other } = await runs.update(direct.run_id, { ...direct.of, status: 'failed', error: 'no' });
    expect(other.error).toBe('no');
  });

  it('of a hundred at once each either applies or is refused, and the last word stands', async () => {
    const run = await runIn('running');
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        statusOf(
          missions().runs.update(run.run_id, {
            ...run.of,
            status: n % 2 === 0 ? 'paused' : 'running',
            metadata: { n },
          }),
        ),
      ),
    );
    expect(new Set(outcomes)).toEqual(new Set(['paused', 'running']));
    const { data } = await missions().runs.retrieve(run.run_id, run.of);
    expect(Object.keys(data.metadata ?? {})).toEqual(['n']);
  });
});

function rowOf(...cells: (Status | 409)[]): Record<Status, Status | 409> {
  return Object.fromEntries(STATUSES.map((status, index) => [status, cells[index]])) as Record<
    Status,
    Status | 409
  >;
}
