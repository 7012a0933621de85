import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { externalRun, JSON_TYPE, missionsOf, plain, recordingClient } from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

describe('requests', () => {
  verifies(['wire.no-body'], async () => {
    const missions = missionsOf(world());
    const { data: mission } = await missions.create({ name: 'm' });
    const path = `/${mission.mission_id}/runs`;
    for (const body of [undefined, '{}', 'null', '{"input":null,"metadata":null}']) {
      const reply = await plain(world(), 'POST', path, {
        ...(body === undefined ? {} : { body, headers: JSON_TYPE }),
      });
      expect([body, reply.status]).toEqual([body, 201]);
      expect(reply.body['data']).not.toHaveProperty('input');
    }
    expect((await missions.runs.create(mission.mission_id, null)).data.status).toBe('pending');
    expect((await missions.runs.create(mission.mission_id)).data.status).toBe('pending');
    const empty = await missions.runs.create(mission.mission_id, { input: {} });
    expect(empty.data.input).toEqual({});
    const folded = await plain(world(), 'GET', `//${mission.mission_id}//runs/`);
    expect(folded.status).toBe(200);
    const upper = await plain(world(), 'GET', `/${mission.mission_id.toUpperCase()}/runs`);
    expect(upper.body['meta']).toMatchObject({ total_results: 7 });
  });

  verifies(['wire.root'], async () => {
    const server = await world().addServer({ FERMATA_ROOT_DIALECT: 'telnyx' });
    const { telnyx } = recordingClient(world(), { url: server.url, prefix: '/v2' });
    const run = await externalRun(telnyx.ai.missions);
    const { runs } = telnyx.ai.missions;
    expect((await runs.pauseRun(run.run_id, run.of)).data.status).toBe('paused');
    const under = missionsOf(world(), { url: server.url });
    expect((await under.runs.resumeRun(run.run_id, run.of)).data.status).toBe('running');
    const authorization = `Bearer ${world().api.key}`;
    for (const [path, headers, status, code] of [
      ['/v2/ai/missions', {}, 401, '10009'],
      ['/v2/nothing', { authorization }, 404, '10005'],
      ['/v1/runs', { authorization }, 404, '10005'],
      ['/anything', {}, 404, '10005'],
    ] as const) {
      const reply = await fetch(server.url + path, { headers });
      expect([path, reply.status]).toEqual([path, status]);
      expect(await reply.json()).toMatchObject({ errors: [{ code }] });
    }
    const native = await fetch(`${server.url}/native/v1/runs/${run.run_id}`, { headers: { authorization } });
    expect(native.status).toBe(200);
  });
});
