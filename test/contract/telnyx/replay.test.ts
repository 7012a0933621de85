import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect } from 'vitest';
import { cutRequest } from '../../world/cut-request.ts';
import { eventually } from '../../world/eventually.ts';
import { sharedWorld } from '../../world/server.ts';
import { externalRun, JSON_TYPE, missionsOf, plain, recordingClient } from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const AGAIN = { 'x-stainless-retry-count': '1' };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('a request that is asked again', () => {
  verifies(['replay.cut'], async () => {
    const missions = missionsOf(world());
    const run = await externalRun(missions);
    const path = `/telnyx/v2/ai/missions/${run.mission_id}/runs/${run.run_id}`;
    const headers = { authorization: `Bearer ${world().api.key}`, ...JSON_TYPE };
    const steps = [{ step_id: 'a', description: 'd', sequence: 1 }];
    const event = { type: 'custom', summary: 's', idempotency_key: 'k' };
    const acts: [method: string, place: string, body: unknown, type: string][] = [
      ['PATCH', '', { status: 'running', metadata: { a: 1 } }, 'run.started'],
      ['POST', '/pause', undefined, 'run.paused'],
      ['POST', '/resume', undefined, 'run.resumed'],
      ['POST', '/plan', { steps }, 'plan.created'],
      ['PATCH', '/plan/steps/a', { status: 'completed' }, 'plan.step_updated'],
      ['POST', '/events', event, 'note.logged'],
      ['PATCH', '', { status: 'succeeded', result_payload: { n: 1 } }, 'run.succeeded'],
    ];
    for (const [method, place, body, type] of acts) {
      const text = body === undefined ? '' : JSON.stringify(body);
      await cutRequest(world().url, { method, path: path + place, headers, body: text });
      const count = async (): Promise<number> =>
        (await world().api.types(run.run_id)).filter((one) => one === type).length;
      await eventually(async () => (await count()) === 1, { what: type });
      const head = (await world().api.run(run.run_id)).head;
      const reply = await plain(world(), method, `/${run.mission_id}/runs/${run.run_id}${place}`, {
        ...(body === undefined ? {} : { body: text }),
        headers: { ...JSON_TYPE, ...AGAIN },
      });
      expect([place, reply.status]).toEqual([place, method === 'POST' && body !== undefined ? 201 : 200]);
      expect((await world().api.run(run.run_id)).head).toBe(head);
    }
    await cutRequest(world().url, { method: 'POST', path: `${path}/cancel`, headers, body: '' });
    expect((await world().api.run(run.run_id)).status).toBe('succeeded');
  });

  verifies(['resume.repeated'], async () => {
    const missions = missionsOf(world());
    const run = await externalRun(missions);
    const path = `/${run.mission_id}/runs/${run.run_id}`;
    await missions.runs.pauseRun(run.run_id, run.of);
    await missions.runs.resumeRun(run.run_id, run.of);
    await missions.runs.update(run.run_id, { ...run.of, status: 'succeeded' });
    const repeated = await plain(world(), 'POST', `${path}/resume`, { headers: AGAIN });
    expect([repeated.status, repeated.body['data']]).toMatchObject([200, { status: 'succeeded' }]);
    expect((await plain(world(), 'POST', `${path}/resume`)).status).toBe(409);
    const other = await plain(world(), 'POST', `${path}/resume`, {
      headers: AGAIN,
      key: world().operator.key,
    });
    expect(other.status).toBe(409);
  });

  verifies(['replay.restart'], async () => {
    const port = await freePort();
    const server = await world().addServer({ PORT: String(port) });
    const { telnyx, requests } = recordingClient(world(), { url: server.url });
    const { missions } = telnyx.ai;
    const run = await externalRun(missions);
    await missions.runs.pauseRun(run.run_id, run.of);
    await server.close();
    const resumed = missions.runs.resumeRun(run.run_id, run.of, { maxRetries: 5 });
    const again = await world().addServer({ PORT: String(port) });
    expect(again.url).toBe(server.url);
    expect((await resumed).data).toMatchObject({ run_id: run.run_id, status: 'running' });
    expect(requests.at(-1)?.status).toBe(200);
  });

  verifies(['replay.key'], async () => {
    const missions = missionsOf(world());
    const key = (name: string): { headers: Record<string, string> } => ({
      headers: { 'Idempotency-Key': name },
    });
    const { data: mission } = await missions.create({ name: 'keyed' }, key('m'));
    expect((await missions.create({ name: 'keyed' }, key('m'))).data).toEqual(mission);
    await expect(missions.create({ name: 'else' }, key('m'))).rejects.toMatchObject({ status: 422 });
    const mid = mission.mission_id;
    const { data: run } = await missions.runs.create(mid, { input: { a: 1 } }, key('r'));
    const same = await Promise.all(
      Array.from({ length: 10 }, () => missions.runs.create(mid, { input: { a: 1 } }, key('r'))),
    );
    for (const { data } of same) expect(data).toEqual(run);
    const tool = await missions.tools.createTool(mid, { body: { name: 't' }, ...key('t') });
    expect(await missions.tools.createTool(mid, { body: { name: 't' }, ...key('t') })).toEqual(tool);
    const clone = await missions.cloneMission(mid, key('c'));
    expect(await missions.cloneMission(mid, key('c'))).toEqual(clone);
  });

  verifies(['replay.delete'], async () => {
    const missions = missionsOf(world());
    const run = await externalRun(missions);
    await missions.runs.telnyxAgents.link(run.run_id, { ...run.of, telnyx_agent_id: 'a' });
    const tool = (await missions.tools.createTool(run.mission_id)) as { data: { id: string } };
    for (const path of [
      `/${run.mission_id}/runs/${run.run_id}/telnyx-agents/a`,
      `/${run.mission_id}/tools/${tool.data.id}`,
      `/${run.mission_id}`,
    ]) {
      const statuses = [];
      for (const headers of [{}, AGAIN, {}]) {
        statuses.push((await plain(world(), 'DELETE', path, { headers })).status);
      }
      expect([path, ...statuses]).toEqual([path, 204, 204, 404]);
    }
  });
});
