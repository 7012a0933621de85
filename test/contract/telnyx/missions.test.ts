import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { externalRun, JSON_TYPE, missionsOf, plain, type Missions, metaOf } from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
let once: Missions | null = null;
const missions = (): Missions => (once ??= missionsOf(world()));

async function put(missionId: string, body: unknown): Promise<Record<string, unknown>> {
  const reply = await plain(world(), 'PUT', `/${missionId}`, {
    body: JSON.stringify(body),
    headers: JSON_TYPE,
  });
  expect(reply.status).toBe(200);
  return reply.body['data'] as Record<string, unknown>;
}

describe('a mission', () => {
  verifies(['op.missions', 'op.mission-put'], async () => {
    const { data: bare } = await missions().create({ name: '' });
    expect(bare).toMatchObject({ name: '', execution_mode: 'external' });
    expect(Object.keys(bare).sort()).toEqual([
      'created_at',
      'execution_mode',
      'mission_id',
      'name',
      'updated_at',
    ]);
    const full = {
      name: 'ünïcode 🎵',
      description: 'd',
      instructions: 'i'.repeat(50_000),
      model: 'openai/gpt',
      execution_mode: 'managed' as const,
      metadata: { a: { b: [1, null] }, c: null },
    };
    const { data: mission } = await missions().create(full);
    expect(mission).toMatchObject(full);
    const id = mission.mission_id;
    expect(await put(id, {})).toEqual(mission);
    const changed = await put(id, { name: 'new', metadata: { d: 1 }, description: null });
    expect(changed).toMatchObject({ name: 'new', metadata: { d: 1 }, instructions: full.instructions });
    expect(Object.hasOwn(changed, 'description')).toBe(false);
    expect(String(changed['updated_at']) > mission.updated_at).toBe(true);
    expect(await put(id, { name: 'new' })).toEqual(changed);
    expect((await put(id, { metadata: null }))['metadata']).toBeUndefined();
    expect((await missions().retrieve(id)).data).toMatchObject({ name: 'new' });
  });

  verifies(['op.mission-delete'], async () => {
    const { data: mission } = await missions().create({
      name: 'gone',
      execution_mode: 'managed',
      model: 'script/approval',
    });
    const of = { mission_id: mission.mission_id };
    const { data: driven } = await missions().runs.create(mission.mission_id);
    await world().api.reaches(driven.run_id, 'waiting');
    await put(mission.mission_id, { execution_mode: 'external' });
    const { data: external } = await missions().runs.create(mission.mission_id);
    await missions().runs.events.log(external.run_id, { ...of, type: 'custom', summary: 'of a hidden run' });
    await missions().deleteMission(mission.mission_id);
    for (const ask of [
      () => missions().retrieve(mission.mission_id),
      () => missions().runs.retrieve(external.run_id, of),
      () => missions().runs.create(mission.mission_id),
      () => missions().deleteMission(mission.mission_id),
      () => missions().runs.list(mission.mission_id),
    ]) {
      await expect(ask()).rejects.toMatchObject({ status: 404 });
    }
    const listed = [];
    for await (const run of missions().runs.listRuns()) listed.push(run.run_id);
    expect(listed).not.toContain(external.run_id);
    const events = [];
    for await (const event of missions().listEvents()) events.push(event.summary);
    expect(events).not.toContain('of a hidden run');
    expect(await world().api.run(driven.run_id)).toMatchObject({
      status: 'cancelled',
      endedBy: { reason: 'its mission was deleted' },
    });
    expect(await world().api.run(external.run_id)).toMatchObject({ status: 'queued' });
    const native = await world().api.refused('POST', '/v1/runs', {
      missionId: mission.mission_id,
      input: 'x',
    });
    expect(native.code).toBe('not_found');
  });

  verifies(['op.objects'], async () => {
    const { data: mission } = await missions().create({ name: 'objects' });
    const mid = mission.mission_id;
    const of = { mission_id: mid };
    const { tools } = missions();
    const { data: empty } = (await tools.createTool(mid)) as { data: Record<string, unknown> };
    expect(empty).toEqual({
      id: empty['id'],
      tool_id: empty['id'],
      mission_id: mid,
      created_at: empty['created_at'],
      updated_at: empty['created_at'],
    });
    const body = {
      name: 'look_up',
      deep: { a: [1, { b: null }] },
      none: null,
      id: 'mine',
      mission_id: 'else',
    };
    const { data: tool } = (await tools.createTool(mid, { body })) as { data: Record<string, string> };
    expect(tool).toMatchObject({ name: 'look_up', deep: body.deep, none: null, mission_id: mid });
    const id = String(tool['id']);
    expect(id).not.toBe('mine');
    const replaced = await tools.updateTool(id, of, { body: { other: 1 } });
    expect(replaced).toMatchObject({ data: { id, other: 1, created_at: tool['created_at'] } });
    expect((replaced as { data: object }).data).not.toHaveProperty('name');
    expect(await tools.getTool(id, of)).toEqual(replaced);
    expect(await tools.listTools(mid)).toEqual({ data: [empty, (replaced as { data: object }).data] });
    expect((await missions().retrieve(mid)).data).toMatchObject({ knowledge_bases: [], mcp_servers: [] });
    for (const bad of ['[]', '"text"', '1', '{']) {
      const reply = await plain(world(), 'POST', `/${mid}/tools`, { body: bad, headers: JSON_TYPE });
      expect([bad, reply.status]).toEqual([bad, 422]);
    }
    expect((await plain(world(), 'POST', `/${mid}/tools`, { body: 'null', headers: JSON_TYPE })).status).toBe(
      201,
    );
    for (const path of [`/${mid}/tools/nothing`, '/nothing/tools', '/nothing/clone']) {
      const method = path.endsWith('clone') ? 'POST' : 'GET';
      expect([path, (await plain(world(), method, path)).status]).toEqual([path, 404]);
    }
  });

  verifies(['op.clone'], async () => {
    const { data: mission } = await missions().create({
      name: 'original',
      instructions: 'i',
      metadata: { a: 1 },
      execution_mode: 'managed',
      model: 'script/echo',
    });
    const mid = mission.mission_id;
    await missions().tools.createTool(mid, { body: { name: 'first' } });
    await missions().tools.createTool(mid, { body: { name: 'second' } });
    await missions().mcpServers.createMcpServer(mid, { body: { url: 'https://mcp.example' } });
    await missions().knowledgeBases.createKnowledgeBase(mid, { body: { text: 'k' } });
    await missions().runs.create(mid);
    const { data: clone } = (await missions().cloneMission(mid)) as { data: { mission_id: string } };
    expect(clone.mission_id).not.toBe(mid);
    const { data: copy } = await missions().retrieve(clone.mission_id);
    expect(copy).toMatchObject({
      name: 'original',
      instructions: 'i',
      metadata: { a: 1 },
      execution_mode: 'managed',
      model: 'script/echo',
      tools: [{ name: 'first' }, { name: 'second' }],
      mcp_servers: [{ url: 'https://mcp.example' }],
      knowledge_bases: [{ text: 'k' }],
    });
    expect(metaOf(await missions().runs.list(clone.mission_id)).total_results).toBe(0);
    await missions().deleteMission(mid);
    expect(await missions().tools.listTools(clone.mission_id)).toMatchObject({ data: [{}, {}] });
  });

  verifies(['op.unassigned'], async () => {
    const native = await world().api.start({ input: 'hello' });
    const { data: run } = await missions().runs.listRuns();
    const mid = String(run.find((one) => one.run_id === native.id)?.mission_id);
    const listed = [];
    for await (const mission of missions().list({ 'page[size]': 2 })) listed.push(mission);
    expect(listed.at(-1)).toMatchObject({ mission_id: mid, name: 'Unassigned', execution_mode: 'external' });
    expect((await missions().retrieve(mid)).data.name).toBe('Unassigned');
    expect((await missions().runs.list(mid)).data.map((one) => one.run_id)).toContain(native.id);
    for (const change of [
      () => missions().deleteMission(mid),
      () => missions().updateMission(mid, { name: 'x' }),
    ]) {
      await expect(change()).rejects.toMatchObject({ status: 403 });
    }
    const { data: own } = await missions().runs.create(mid);
    expect(own.mission_id).toBe(mid);
    expect((await world().api.run(own.run_id)).missionId).toBeNull();
  });

  verifies(['op.agents'], async () => {
    const run = await externalRun(missions());
    const { telnyxAgents } = missions().runs;
    const of = { ...run.of, telnyx_agent_id: 'assistant-b' };
    const { data: link } = await telnyxAgents.link(run.run_id, of);
    const again = await Promise.all([1, 2, 3].map(() => telnyxAgents.link(run.run_id, of)));
    expect(again.map(({ data }) => data)).toEqual([link, link, link]);
    await telnyxAgents.link(run.run_id, { ...run.of, telnyx_agent_id: 'a/ä?' });
    const { data: links } = await telnyxAgents.list(run.run_id, run.of);
    expect(links.map((one) => one.telnyx_agent_id)).toEqual(['assistant-b', 'a/ä?']);
    const at = { ...run.of, run_id: run.run_id };
    await telnyxAgents.unlink('a/ä?', at);
    await expect(telnyxAgents.unlink('a/ä?', at)).rejects.toMatchObject({ status: 404 });
    const other = await externalRun(missions());
    expect((await telnyxAgents.list(other.run_id, other.of)).data).toEqual([]);
  });
});
