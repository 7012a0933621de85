import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { recordingClient, metaOf } from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

describe('the SDK', () => {
  verifies(['op.every-method'], async () => {
    const { telnyx, requests } = recordingClient(world());
    const { missions } = telnyx.ai;
    const { runs } = missions;
    const { data: mission } = await missions.create({
      name: 'every method',
      description: 'd',
      instructions: 'i',
      model: 'script/echo',
      execution_mode: 'external',
      metadata: { a: 1 },
    });
    const mid = mission.mission_id;
    const of = { mission_id: mid };
    expect(metaOf(await missions.list({ 'page[number]': 1, 'page[size]': 5 })).page_size).toBe(5);
    expect((await missions.retrieve(mid)).data.name).toBe('every method');
    expect((await missions.updateMission(mid, { name: 'other' })).data.name).toBe('other');
    expect(await missions.cloneMission(mid)).toMatchObject({ data: { name: 'other' } });

    const { data: run } = await runs.create(mid, { input: { task: 'x' }, metadata: { k: 'v' } });
    const rid = run.run_id;
    expect((await runs.list(mid)).data).toHaveLength(1);
    expect((await runs.listRuns({ status: 'pending' })).data.map((one) => one.run_id)).toContain(rid);
    expect((await runs.retrieve(rid, of)).data.status).toBe('pending');
    expect((await runs.update(rid, { ...of, status: 'running' })).data.status).toBe('running');
    expect((await runs.pauseRun(rid, of)).data.status).toBe('paused');
    expect((await runs.resumeRun(rid, of)).data.status).toBe('running');

    const steps = [{ step_id: 's1', description: 'one', sequence: 1 }];
    expect((await runs.plan.create(rid, { ...of, steps })).data).toHaveLength(1);
    const more = [{ step_id: 's2', description: 'two', sequence: 2, parent_step_id: 's1', metadata: {} }];
    expect((await runs.plan.addStepsToPlan(rid, { ...of, steps: more })).data[0]?.parent_step_id).toBe('s1');
    expect((await runs.plan.retrieve(rid, of)).data).toHaveLength(2);
    const at = { ...of, run_id: rid };
    expect((await runs.plan.getStepDetails('s1', at)).data.status).toBe('pending');
    expect((await runs.plan.updateStep('s1', { ...at, status: 'completed' })).data.status).toBe('completed');

    const { data: event } = await runs.events.log(rid, {
      ...of,
      type: 'tool_call',
      summary: 'calls',
      step_id: 's1',
      agent_id: 'a1',
      payload: { p: 1 },
      idempotency_key: 'k1',
    });
    expect((await runs.events.list(rid, { ...of, type: 'tool_call' })).data).toHaveLength(1);
    expect((await runs.events.getEventDetails(event.event_id, at)).data).toEqual(event);
    expect((await missions.listEvents({ type: 'tool_call' })).data).toContainEqual(event);

    const { data: link } = await runs.telnyxAgents.link(rid, { ...of, telnyx_agent_id: 'assistant-1' });
    expect((await runs.telnyxAgents.list(rid, of)).data).toEqual([link]);
    expect(await runs.telnyxAgents.unlink('assistant-1', at)).toBeNull();
    expect((await runs.cancelRun(rid, of)).data.status).toBe('cancelled');

    const { tools, mcpServers, knowledgeBases } = missions;
    const idOf = (reply: unknown): string => (reply as { data: { id: string } }).data.id;
    const tool = idOf(await tools.createTool(mid));
    await tools.listTools(mid);
    await tools.getTool(tool, of);
    await tools.updateTool(tool, of);
    await tools.deleteTool(tool, of);
    const server = idOf(await mcpServers.createMcpServer(mid));
    await mcpServers.listMcpServers(mid);
    await mcpServers.getMcpServer(server, of);
    await mcpServers.updateMcpServer(server, of);
    await mcpServers.deleteMcpServer(server, of);
    const base = idOf(await knowledgeBases.createKnowledgeBase(mid));
    await knowledgeBases.listKnowledgeBases(mid);
    await knowledgeBases.getKnowledgeBase(base, of);
    await knowledgeBases.updateKnowledgeBase(base, of);
    await knowledgeBases.deleteKnowledgeBase(base, of);
    expect(await missions.deleteMission(mid)).toBeNull();

    const CREATES =
      /\/(?:missions|clone|runs|events|plan|steps|telnyx-agents|tools|mcp-servers|knowledge-bases)$/;
    for (const { method, path, status } of requests) {
      const expected = method === 'DELETE' ? 204 : method === 'POST' && CREATES.test(path) ? 201 : 200;
      expect([method, path, status]).toEqual([method, path, expected]);
    }
    expect(requests).toHaveLength(41);
  });
});
