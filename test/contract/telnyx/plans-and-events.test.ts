import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import {
  externalRun,
  JSON_TYPE,
  missionsOf,
  NO_UUID,
  plain,
  type ExternalRun,
  type Missions,
  metaOf,
} from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ servers: 2 });
let once: Missions | null = null;
const missions = (): Missions => (once ??= missionsOf(world()));

interface Step {
  step_id: string;
  description: string;
  sequence: number;
}
const step = (id: string, sequence = 1): Step => ({ step_id: id, description: `do ${id}`, sequence });

async function planOf(run: ExternalRun): Promise<string[]> {
  const { data } = await missions().runs.plan.retrieve(run.run_id, run.of);
  return data.map((one) => one.step_id);
}

describe('a plan', () => {
  verifies(['plan.create', 'plan.order'], async () => {
    const run = await externalRun(missions());
    const { plan } = missions().runs;
    expect(await planOf(run)).toEqual([]);
    const body = { ...run.of, steps: [step('late', 9), step('b', 0), step('a', 0), step('low', -3)] };
    const { data } = await plan.create(run.run_id, body);
    expect(data[0]).toEqual({
      step_id: 'late',
      run_id: run.run_id,
      sequence: 9,
      description: 'do late',
      status: 'pending',
    });
    expect(await planOf(run)).toEqual(['low', 'b', 'a', 'late']);
    await plan.updateStep('a', { ...run.of, run_id: run.run_id, status: 'completed', metadata: { m: 1 } });
    const { data: repeated } = await plan.create(run.run_id, body);
    expect(repeated.map((one) => [one.step_id, one.status])).toEqual([
      ['late', 'pending'],
      ['b', 'pending'],
      ['a', 'completed'],
      ['low', 'pending'],
    ]);
    await expect(plan.create(run.run_id, { ...run.of, steps: [step('b')] })).rejects.toMatchObject({
      status: 409,
      error: { errors: [{ code: '10012' }] },
    });
    expect(await planOf(run)).toHaveLength(4);
  });

  verifies(['plan.add'], async () => {
    const run = await externalRun(missions());
    const { plan } = missions().runs;
    const add = (...ids: string[]): Promise<unknown> =>
      plan.addStepsToPlan(run.run_id, { ...run.of, steps: ids.map((id) => step(id)) });
    await add('x');
    await plan.create(run.run_id, { ...run.of, steps: [step('a')] });
    await add('b', 'c');
    await add('b', 'c');
    await expect(add('c', 'd')).rejects.toMatchObject({ status: 409 });
    expect(await planOf(run)).toEqual(['x', 'a', 'b', 'c']);
    const twenty = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        plan.addStepsToPlan(run.run_id, { ...run.of, steps: [step('raced', n)] }, { maxRetries: 0 }),
      ),
    );
    expect(twenty.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
  });

  verifies(['plan.step'], async () => {
    const run = await externalRun(missions());
    const { plan } = missions().runs;
    const id = 'Step Id/ä?#%2F';
    await plan.create(run.run_id, { ...run.of, steps: [step(id)] });
    const at = { ...run.of, run_id: run.run_id };
    const { data: begun } = await plan.updateStep(id, { ...at, status: 'in_progress' });
    expect(begun.started_at).toMatch(/\.\d{6}Z$/);
    expect(begun.completed_at).toBeUndefined();
    const { data: done } = await plan.updateStep(id, { ...at, status: 'completed', metadata: { a: 1 } });
    expect(done).toMatchObject({ started_at: begun.started_at, metadata: { a: 1 } });
    expect(done.completed_at).toMatch(/\.\d{6}Z$/);
    expect((await plan.updateStep(id, at)).data).toEqual(done);
    expect((await plan.getStepDetails(id, at)).data).toEqual(done);
    const { data: back } = await plan.updateStep(id, { ...at, status: 'pending' });
    expect(back.completed_at).toBeUndefined();
    for (const wrong of ['no', '%', 'Step Id']) {
      await expect(plan.getStepDetails(wrong, at)).rejects.toMatchObject({ status: 404 });
      await expect(plan.updateStep(wrong, { ...at, status: 'failed' })).rejects.toMatchObject({
        status: 404,
      });
    }
    await missions().runs.cancelRun(run.run_id, run.of);
    expect((await plan.updateStep(id, { ...at, status: 'skipped' })).data.status).toBe('skipped');
  });

  verifies(['plan.limits'], async () => {
    const run = await externalRun(missions());
    const send = (steps: unknown): ReturnType<typeof plain> =>
      plain(world(), 'POST', `/${run.mission_id}/runs/${run.run_id}/plan`, {
        body: JSON.stringify({ steps }),
        headers: JSON_TYPE,
      });
    const many = Array.from({ length: 1001 }, (_, n) => step(`s${n}`, n));
    expect((await send(many)).status).toBe(422);
    const twice = await send([step('a'), step('b'), step('a')]);
    expect([twice.status, twice.body['detail']]).toEqual([
      422,
      [
        {
          loc: ['body', 'steps', 2, 'step_id'],
          msg: 'Value error, another step has this id',
          type: 'value_error',
        },
      ],
    ]);
    expect((await send([])).body).toEqual({ data: [] });
    expect((await send(many.slice(1))).status).toBe(201);
    expect(await planOf(run)).toHaveLength(1000);
  });
});

describe('events', () => {
  verifies(['event.log', 'event.get', 'event.external-only-own'], async () => {
    const run = await externalRun(missions());
    const { events } = missions().runs;
    const full = {
      type: 'step_started' as const,
      summary: '',
      step_id: 'nowhere',
      agent_id: 'claude-code',
      payload: { deep: { list: [1, null] } },
      idempotency_key: 'k',
    };
    const { data: event } = await events.log(run.run_id, { ...run.of, ...full });
    expect(event).toEqual({
      ...full,
      event_id: event.event_id,
      run_id: run.run_id,
      timestamp: event.timestamp,
    });
    await missions().runs.update(run.run_id, { ...run.of, status: 'running' });
    await missions().runs.pauseRun(run.run_id, run.of);
    await events.log(run.run_id, { ...run.of, type: 'message', summary: 'paused' });
    await missions().runs.cancelRun(run.run_id, run.of);
    const { data: late } = await events.log(run.run_id, { ...run.of, type: 'error', summary: 'late' });
    expect(Object.keys(late).sort()).toEqual(['event_id', 'run_id', 'summary', 'timestamp', 'type']);
    const listed = await events.list(run.run_id, run.of);
    expect(listed.data.map((one) => one.summary)).toEqual(['late', 'paused', '']);
    const at = { ...run.of, run_id: run.run_id };
    expect((await events.getEventDetails(event.event_id, at)).data).toEqual(event);
    const other = await externalRun(missions());
    await expect(
      events.getEventDetails(event.event_id, { ...other.of, run_id: other.run_id }),
    ).rejects.toMatchObject({ status: 404 });
    const hex = run.run_id.replaceAll('-', '');
    for (const id of ['x', `evt_${hex}_1`, `evt_${hex}_999`, `evt_${hex}_0`, `evt_${hex}`, NO_UUID]) {
      await expect(events.getEventDetails(id, at)).rejects.toMatchObject({ status: 404 });
    }
  });

  verifies(['event.key'], async () => {
    const run = await externalRun(missions());
    const body = { ...run.of, type: 'custom' as const, summary: 'first', idempotency_key: 'once' };
    const { events } = missions().runs;
    const second = missionsOf(world(), { url: world().second.base }).runs.events;
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        (n % 2 === 0 ? events : second).log(run.run_id, { ...body, summary: `try ${n}` }),
      ),
    );
    const [first] = replies;
    expect(first?.data.summary).toMatch(/^try \d+$/);
    for (const { data } of replies) expect(data).toEqual(first?.data);
    const restarted = await world().addServer();
    const late = missionsOf(world(), { url: restarted.url }).runs.events;
    expect((await late.log(run.run_id, body)).data).toEqual(first?.data);
    expect(metaOf(await events.list(run.run_id, run.of)).total_results).toBe(1);
    const other = await externalRun(missions());
    const { data: same } = await events.log(other.run_id, { ...body, ...other.of });
    expect(same.event_id).not.toBe(first?.data.event_id);
  });
});
