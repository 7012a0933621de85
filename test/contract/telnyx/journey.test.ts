import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { missionsOf, type Missions, metaOf } from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const STEPS = [
  { step_id: 'research', description: 'Find caterers', sequence: 1 },
  { step_id: 'calls', description: 'Call them', sequence: 2, parent_step_id: 'research' },
];

/** As the vendor's toolkit starts: it takes up what it finds, by name, and repeats what may have been lost. */
async function init(missions: Missions, name: string): Promise<{ mid: string; rid: string }> {
  const found = await missions.list({}, { query: { name } });
  const mid =
    found.data[0]?.mission_id ?? (await missions.create({ name, instructions: 'i' })).data.mission_id;
  const runs = await missions.runs.list(mid);
  const input = { original_request: 'three offers' };
  const rid = runs.data[0]?.run_id ?? (await missions.runs.create(mid, { input })).data.run_id;
  const of = { mission_id: mid };
  await missions.runs.plan.create(rid, { ...of, steps: STEPS });
  await missions.runs.update(rid, { ...of, status: 'running' });
  return { mid, rid };
}

/** One step: its status first, since that is the truth; then the event, under a key. */
async function work(missions: Missions, mid: string, rid: string, step: string): Promise<void> {
  const at = { mission_id: mid, run_id: rid };
  const { plan, events } = missions.runs;
  const log = (type: 'step_started' | 'step_completed'): Promise<unknown> =>
    events.log(rid, {
      mission_id: mid,
      type,
      summary: step,
      step_id: step,
      idempotency_key: `${step}:${type}`,
    });
  await plan.updateStep(step, { ...at, status: 'in_progress' });
  await log('step_started');
  await plan.updateStep(step, { ...at, status: 'completed' });
  await log('step_completed');
}

async function complete(missions: Missions, mid: string, rid: string): Promise<void> {
  await missions.runs.update(rid, {
    mission_id: mid,
    status: 'succeeded',
    result_summary: 'three offers',
    result_payload: { offers: 3 },
  });
}

describe('the journey of the toolkit', () => {
  verifies(['journey.canonical'], async () => {
    const missions = missionsOf(world());
    const { mid, rid } = await init(missions, 'caterers');
    await missions.runs.telnyxAgents.link(rid, { mission_id: mid, telnyx_agent_id: 'assistant-1' });
    for (const { step_id } of STEPS) await work(missions, mid, rid, step_id);
    await complete(missions, mid, rid);
    const { data: run } = await missions.runs.retrieve(rid, { mission_id: mid });
    expect(run).toMatchObject({
      status: 'succeeded',
      input: { original_request: 'three offers' },
      result_summary: 'three offers',
      result_payload: { offers: 3 },
    });
    const { data: steps } = await missions.runs.plan.retrieve(rid, { mission_id: mid });
    expect(steps.map((step) => [step.step_id, step.status])).toEqual([
      ['research', 'completed'],
      ['calls', 'completed'],
    ]);
    const { data: events } = await missions.runs.events.list(rid, { mission_id: mid });
    expect(events.map((event) => `${event.type} ${event.step_id}`).reverse()).toEqual([
      'step_started research',
      'step_completed research',
      'step_started calls',
      'step_completed calls',
    ]);
    await missions.runs.events.log(rid, { mission_id: mid, type: 'custom', summary: 'afterthought' });
  });

  verifies(['journey.crashes'], async () => {
    const missions = missionsOf(world());
    // A client that dies after any number of its requests, and begins anew without any state of its own.
    const whole = async (): Promise<number> => {
      let count = 0;
      for (let limit = 1; limit < 40; limit++) {
        count = 0;
        const dying = missionsOf(world());
        const name = `crash ${limit}`;
        const stopAfter = limit;
        const proxy = dyingMissions(dying, () => {
          if (++count > stopAfter) throw new Error('the client died');
        });
        const done = await journey(proxy, name).then(
          () => true,
          (error: Error) => {
            expect(error.message).toContain('the client died');
            return false;
          },
        );
        const { mid, rid } = await journey(missions, name);
        const { data: run } = await missions.runs.retrieve(rid, { mission_id: mid });
        expect(run).toMatchObject({ status: 'succeeded', result_payload: { offers: 3 } });
        expect(metaOf(await missions.runs.list(mid)).total_results).toBe(1);
        expect(metaOf(await missions.list({}, { query: { name } })).total_results).toBe(1);
        const { data: steps } = await missions.runs.plan.retrieve(rid, { mission_id: mid });
        expect(steps.map((step) => step.status)).toEqual(['completed', 'completed']);
        const { data: events } = await missions.runs.events.list(rid, { mission_id: mid });
        expect(new Set(events.map((event) => event.idempotency_key)).size).toBe(4);
        expect(events).toHaveLength(4);
        if (done) return limit;
      }
      return 0;
    };
    expect(await whole()).toBeGreaterThan(10);
  });
});

async function journey(missions: Missions, name: string): Promise<{ mid: string; rid: string }> {
  const found = await missions.list({}, { query: { name } });
  const [mission] = found.data;
  if (mission !== undefined) {
    const [ended] = (await missions.runs.list(mission.mission_id, { status: 'succeeded' })).data;
    if (ended !== undefined) return { mid: mission.mission_id, rid: ended.run_id };
  }
  const { mid, rid } = await init(missions, name);
  for (const { step_id } of STEPS) await work(missions, mid, rid, step_id);
  await complete(missions, mid, rid);
  return { mid, rid };
}

/** The same client, which looks before each request whether it still lives. */
function dyingMissions<T extends object>(target: T, beforeEach: () => void): T {
  return new Proxy(target, {
    get(object, name): unknown {
      const member: unknown = Reflect.get(object, name, object);
      if (typeof member === 'object' && member !== null) return dyingMissions(member, beforeEach);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]): Promise<unknown> => {
        beforeEach();
        return Reflect.apply(member, object, args) as Promise<unknown>;
      };
    },
  });
}
