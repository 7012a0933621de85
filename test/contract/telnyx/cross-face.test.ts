import type { Mission, PlanStep, Run } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { externalRun, missionsOf, plain } from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

describe('one run', () => {
  verifies(['cross.telnyx-to-native'], async () => {
    const { api } = world();
    const { runs } = missionsOf(world());
    const run = await externalRun(missionsOf(world()), { task: 'x' });
    const native = await api.run(run.run_id);
    expect(native).toMatchObject({
      status: 'queued',
      mode: 'external',
      origin: 'telnyx',
      missionId: run.mission_id,
      input: { task: 'x' },
    });
    await runs.update(run.run_id, { ...run.of, status: 'running' });
    await api.command(run.run_id, 'pause', { reason: 'by hand' });
    expect((await runs.retrieve(run.run_id, run.of)).data.status).toBe('paused');
    await api.command(run.run_id, 'resume');
    expect((await runs.retrieve(run.run_id, run.of)).data.status).toBe('running');
    await api.command(run.run_id, 'notes', { type: 'ticket', summary: 'Ticket 1', data: { n: 1 } });
    const { data: events } = await runs.events.list(run.run_id, { ...run.of, type: 'custom' });
    expect(events).toMatchObject([
      { type: 'custom', summary: 'Ticket 1', payload: { note_type: 'ticket', data: { n: 1 } } },
    ]);
    await api.command(run.run_id, 'report', { status: 'succeeded', output: 'plain text', summary: 's' });
    expect((await runs.retrieve(run.run_id, run.of)).data).toMatchObject({
      status: 'succeeded',
      result_payload: { text: 'plain text' },
      result_summary: 's',
    });
  });

  verifies(['cross.native-to-telnyx'], async () => {
    const { api, model } = world();
    const missions = missionsOf(world());
    const native = await api.start({ model: 'gated/model', input: 'hello' });
    const call = await model.next();
    const listed = (await missions.runs.listRuns()).data.find((run) => run.run_id === native.id);
    expect(listed).toMatchObject({ status: 'running', input: { message: 'hello' } });
    const of = { mission_id: listed?.mission_id ?? '' };
    await missions.runs.pauseRun(native.id, of);
    call.say('one');
    call.ask({ tool: 'nothing', args: {} });
    await api.reaches(native.id, 'paused');
    await missions.runs.resumeRun(native.id, of);
    const next = await model.next();
    next.say('two');
    next.end();
    const ended: Run = await api.reaches(native.id, 'succeeded');
    expect(ended.output).toBe('two');
    expect((await missions.runs.retrieve(native.id, of)).data.result_payload).toEqual({ text: 'two' });
    const [resumed] = (await api.events(native.id)).filter((event) => event.type === 'run.resumed');
    expect(resumed?.data).toMatchObject({ by: { name: 'admin' } });
  });

  verifies(['cross.missions'], async () => {
    const { api, model } = world();
    const missions = missionsOf(world());
    const mission = await api.call<Mission>('POST', '/v1/missions', {
      name: 'native',
      mode: 'managed',
      model: 'gated/model',
      instructions: 'Say hello.',
      metadata: { a: 1, b: 2 },
    });
    const path = `/v1/missions/${mission.id}`;
    expect(await api.call('PATCH', path, { metadata: { a: null, c: 3 }, description: 'd' })).toMatchObject({
      metadata: { b: 2, c: 3 },
      description: 'd',
    });
    expect((await missions.retrieve(mission.id)).data).toMatchObject({
      name: 'native',
      execution_mode: 'managed',
      metadata: { b: 2, c: 3 },
    });
    const run = await api.start({ missionId: mission.id, input: 'hi' });
    expect(run).toMatchObject({ mode: 'managed', missionId: mission.id, agent: { model: 'gated/model' } });
    const call = await model.next();
    expect(call.messages).toMatchObject([{ content: 'Say hello.' }, { content: 'hi' }]);
    call.say('hello');
    call.end();
    await api.reaches(run.id, 'succeeded');
    expect((await missions.runs.list(mission.id)).data).toMatchObject([{ run_id: run.id }]);
    const external = await externalRun(missions);
    await missions.runs.plan.create(external.run_id, {
      ...external.of,
      steps: [{ step_id: 's', description: 'd', sequence: 2, metadata: { m: 1 } }],
    });
    const plan = await api.call<{ data: PlanStep[] }>('GET', `/v1/runs/${external.run_id}/plan`);
    expect(plan.data).toEqual([
      {
        id: 's',
        description: 'd',
        status: 'pending',
        sequence: 2,
        parentStepId: null,
        metadata: { m: 1 },
        startedAt: null,
        completedAt: null,
      },
    ]);
    const fork = await api.fork(external.run_id, {}).catch((error: unknown) => error);
    if (!(fork instanceof Error)) {
      const copied = await api.call('GET', `/v1/runs/${(fork as Run).id}/plan`);
      expect(copied).toEqual(plan);
    }
    const names = await api.call<{ data: Mission[] }>('GET', '/v1/missions?name=native');
    expect(names.data).toMatchObject([{ id: mission.id }]);
    await api.request('DELETE', path);
    expect((await api.request('GET', path)).status).toBe(404);
    expect((await plain(world(), 'GET', `/${mission.id}`)).status).toBe(404);
    expect((await api.run(run.id)).missionId).toBe(mission.id);
  });
});
