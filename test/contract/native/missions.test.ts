import type { AddNoteReply, ListReply, Mission, PlanStep } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

async function mission(body: object): Promise<Mission> {
  return world().api.call('POST', '/v1/missions', { name: 'mission', ...body });
}

describe('missions', () => {
  verifies(['mission.crud'], async () => {
    const { api } = world();
    const made = await mission({ name: 'one', metadata: { a: 1 } });
    expect(made).toEqual({
      id: made.id,
      name: 'one',
      description: null,
      instructions: null,
      model: null,
      mode: 'external',
      metadata: { a: 1 },
      createdAt: made.createdAt,
      updatedAt: made.createdAt,
    });
    const path = `/v1/missions/${made.id}`;
    const changed = await api.call<Mission>('PATCH', path, {
      metadata: { a: null, b: 2 },
      model: 'script/echo',
    });
    expect(changed).toMatchObject({ metadata: { b: 2 }, model: 'script/echo', name: 'one' });
    expect(await api.call('PATCH', path, { model: 'script/echo' })).toEqual(changed);
    expect(await api.call('PATCH', path, { model: null })).toMatchObject({ model: null });
    for (let n = 0; n < 4; n++) await mission({ name: `listed ${n}`, metadata: { tag: 't' } });
    const names: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query = `limit=2&metadata.tag=t${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const page: ListReply<Mission> = await api.call('GET', `/v1/missions?${query}`);
      names.push(...page.data.map(({ name }) => name));
      cursor = page.nextCursor;
    }
    expect(names).toEqual(['listed 3', 'listed 2', 'listed 1', 'listed 0']);
    expect((await api.request('DELETE', path)).status).toBe(204);
    for (const method of ['GET', 'DELETE']) expect((await api.request(method, path)).status).toBe(404);
  });

  verifies(['mission.agent'], async () => {
    const { api } = world();
    const { id: missionId } = await mission({ mode: 'managed', model: 'script/echo', instructions: 'i' });
    const run = await api.start({ missionId, input: 'x' });
    expect(run).toMatchObject({
      mode: 'managed',
      missionId,
      agent: { name: 'mission', model: 'script/echo' },
    });
    const [created] = await api.events(run.id);
    expect(created?.data).toMatchObject({ agent: { instructions: 'i' } });
    const own = await api.start({ missionId, input: 'x', agent: { name: 'own', model: 'script/slow' } });
    expect(own.agent).toMatchObject({ name: 'own', model: 'script/slow' });
    await api.command(own.id, 'cancel');
    const scripted = await api.start({ missionId, input: 'x', script: [{ text: 'said' }] });
    expect(await api.reaches(scripted.id, 'succeeded')).toMatchObject({ output: 'said' });
    const external = await mission({});
    expect(await api.start({ missionId: external.id })).toMatchObject({ mode: 'external', agent: null });
    const driven = await api.start({ missionId: external.id, mode: 'managed', input: 'x' });
    expect(await api.reaches(driven.id, 'succeeded')).toMatchObject({ output: 'x' });
  });

  verifies(['mission.unknown'], async () => {
    const { api, stranger } = world();
    const own = await mission({});
    const deleted = await mission({});
    await api.request('DELETE', `/v1/missions/${deleted.id}`);
    for (const missionId of [deleted.id, '01890000-0000-7000-8000-000000000000']) {
      expect((await api.refused('POST', '/v1/runs', { missionId, input: 'x' })).code).toBe('not_found');
    }
    const refused = await stranger.refused('POST', '/v1/runs', { missionId: own.id, input: 'x' });
    expect(refused.code).toBe('not_found');
  });

  verifies(['mission.unassigned'], async () => {
    const { api } = world();
    await api.start({ input: 'x' });
    const { data } = await api.call<ListReply<Mission>>('GET', '/v1/missions?name=Unassigned');
    expect(data).toMatchObject([{ name: 'Unassigned', mode: 'external' }]);
    const path = `/v1/missions/${data[0]?.id ?? ''}`;
    expect((await api.call<Mission>('GET', path)).name).toBe('Unassigned');
    for (const method of ['PATCH', 'DELETE']) {
      expect((await api.refused(method, path, method === 'PATCH' ? {} : undefined)).code).toBe('forbidden');
    }
    const run = await api.start({ missionId: data[0]?.id ?? '', input: 'x' });
    expect(run).toMatchObject({ missionId: null, mode: 'managed' });
  });
});

describe('what a run notes', () => {
  verifies(['run.plan'], async () => {
    const { api } = world();
    const steps = [
      { id: 'b', description: 'B' },
      { id: 'a', description: 'A' },
    ];
    const run = await api.start({
      agent: {
        name: 'planner',
        tools: [
          { type: 'builtin', name: 'create_plan' },
          { type: 'builtin', name: 'update_step' },
        ],
        script: [
          { toolCalls: [{ tool: 'create_plan', args: { steps } }] },
          { toolCalls: [{ tool: 'update_step', args: { id: 'b', status: 'in_progress' } }] },
          { text: 'done' },
        ],
      },
      input: 'go',
    });
    await api.reaches(run.id, 'succeeded');
    const plan = await api.call<{ data: PlanStep[] }>('GET', `/v1/runs/${run.id}/plan`);
    expect(plan.data.map((step) => [step.id, step.status])).toEqual([
      ['b', 'in_progress'],
      ['a', 'pending'],
    ]);
    const fork = await api.fork(run.id, { at: 'turn-2/before-model' });
    await api.reaches(fork.id, 'succeeded');
    expect(await api.call('GET', `/v1/runs/${fork.id}/plan`)).toMatchObject({
      data: [{ id: 'b', status: 'in_progress' }, { id: 'a' }],
    });
    const none = await api.start({ input: 'x' });
    expect(await api.call('GET', `/v1/runs/${none.id}/plan`)).toEqual({ data: [] });
  });

  verifies(['run.note-key'], async () => {
    const { api } = world();
    const run = await api.start({ mode: 'external' });
    const note = (summary: string): Promise<AddNoteReply> =>
      api.command<AddNoteReply>(run.id, 'notes', { type: 'n', summary, key: 'k' });
    const first = await note('first');
    const second = await note('second');
    expect(second).toMatchObject({ changed: false, event: first.event });
  });
});
