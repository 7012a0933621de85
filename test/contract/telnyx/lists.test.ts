import { beforeAll, describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { externalRun, missionsOf, plain, type ExternalRun, type Missions, metaOf } from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const COUNT = 7;
let missions: Missions;
let first: ExternalRun;

beforeAll(async () => {
  missions = missionsOf(world());
  for (let n = 1; n < COUNT; n++) await missions.create({ name: `m${n}`, metadata: { n, odd: n % 2 === 1 } });
  first = await externalRun(missions);
  for (let n = 1; n < COUNT; n++) {
    const { data: run } = await missions.runs.create(first.mission_id, { metadata: { n, tag: 't' } });
    if (n % 2 === 0) await missions.runs.update(run.run_id, { ...first.of, status: 'running' });
  }
  for (let n = 0; n < COUNT; n++) {
    await missions.runs.events.log(first.run_id, {
      ...first.of,
      type: n % 2 === 0 ? 'message' : 'tool_call',
      summary: `event ${n}`,
      step_id: `s${n % 3}`,
      agent_id: `a${n % 2}`,
    });
  }
});

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of pages) items.push(item);
  return items;
}

describe('lists', () => {
  verifies(['page.iterates'], async () => {
    const size = { 'page[size]': 3 };
    const { mission_id: mid, run_id: rid, of } = first;
    const events = await all(missions.runs.events.list(rid, { ...of, ...size }));
    const newestFirst = Array.from({ length: COUNT }, (_, n) => `event ${COUNT - 1 - n}`);
    expect(events.map((event) => event.summary)).toEqual(newestFirst);
    expect((await all(missions.listEvents(size))).map((event) => event.event_id)).toEqual(
      events.map((event) => event.event_id),
    );
    const runs = await all(missions.runs.list(mid, size));
    expect(new Set(runs.map((run) => run.run_id)).size).toBe(COUNT);
    expect(runs.at(-1)?.run_id).toBe(rid);
    expect(await all(missions.runs.listRuns(size))).toEqual(runs);
    const listed = await all(missions.list(size));
    expect(listed).toHaveLength(COUNT);
    expect(listed[0]?.mission_id).toBe(mid);
  });

  verifies(['page.meta'], async () => {
    const { data, meta } = await missions.runs.list(first.mission_id, { 'page[number]': 2, 'page[size]': 3 });
    expect(data).toHaveLength(3);
    expect(meta).toEqual({ page_number: 2, page_size: 3, total_pages: 3, total_results: 7 });
    const beyond = await missions.runs.list(first.mission_id, { 'page[number]': 99 });
    expect([beyond.data, beyond.meta]).toEqual([
      [],
      { page_number: 99, page_size: 20, total_pages: 1, total_results: 7 },
    ]);
    const far = await plain(world(), 'GET', '?page[number]=9007199254740991&page[size]=1000');
    expect([far.status, far.body['data']]).toEqual([200, []]);
    const none = await missionsOf(world(), { key: world().stranger.key }).listEvents();
    expect([none.data, none.meta]).toEqual([
      [],
      { page_number: 1, page_size: 50, total_pages: 0, total_results: 0 },
    ]);
  });

  verifies(['page.limits'], async () => {
    const statusOf = async (query: string): Promise<number> => (await plain(world(), 'GET', query)).status;
    expect(await statusOf('?page[size]=1000&page[number]=1')).toBe(200);
    expect(await statusOf('?page%5Bsize%5D=1&page%5Bnumber%5D=2')).toBe(200);
    expect(await statusOf('?unknown=1')).toBe(200);
    for (const bad of ['size]=0', 'size]=1001', 'size]=-1', 'size]=x', 'size]=1.5', 'number]=0', 'size]=']) {
      for (const path of ['', '/runs', '/events', `/${first.mission_id}/runs`]) {
        expect([bad, path, await statusOf(`${path}?page[${bad}`)]).toEqual([bad, path, 422]);
      }
    }
    const { body } = await plain(world(), 'GET', '?page[size]=1001');
    expect(body['detail']).toEqual([
      {
        loc: ['query', 'page[size]'],
        msg: 'Input should be less than or equal to 1000',
        type: 'less_than_equal',
      },
    ]);
  });

  verifies(['page.filters'], async () => {
    const { run_id: rid, mission_id: mid, of } = first;
    const { events } = missions.runs;
    const summaries = async (filter: object): Promise<string[]> =>
      (await all(events.list(rid, { ...of, ...filter }))).map((event) => event.summary).reverse();
    expect(await summaries({ type: 'tool_call' })).toEqual(['event 1', 'event 3', 'event 5']);
    expect(await summaries({ step_id: 's1' })).toEqual(['event 1', 'event 4']);
    expect(await summaries({ agent_id: 'a1', step_id: 's0' })).toEqual(['event 3']);
    for (const filter of [{ type: 'nothing' }, { step_id: 'x' }, { agent_id: '\u0000' }]) {
      expect(await summaries(filter)).toEqual([]);
    }
    expect(metaOf(await missions.listEvents({ type: 'message' })).total_results).toBe(4);
    expect(metaOf(await missions.runs.list(mid, { status: 'running' })).total_results).toBe(3);
    expect(metaOf(await missions.runs.listRuns({ status: 'pending' })).total_results).toBe(4);
    expect((await missions.runs.listRuns({ status: 'queued' })).data).toEqual([]);
  });

  verifies(['page.look-up'], async () => {
    const found = async (query: string): Promise<unknown[]> =>
      (await plain(world(), 'GET', query)).body['data'] as unknown[];
    expect(await found('?name=m3')).toMatchObject([{ name: 'm3', metadata: { n: 3 } }]);
    expect(await found('?metadata.odd=true')).toHaveLength(3);
    expect(await found('?metadata.n=2&name=m3')).toEqual([]);
    expect(await found('/runs?metadata.tag=t&metadata.n=4')).toMatchObject([{ metadata: { n: 4 } }]);
    const reply = await plain(world(), 'POST', `/${first.mission_id}/runs`, {
      body: JSON.stringify({ name: 'my run' }),
      headers: { 'content-type': 'application/json' },
    });
    expect(await found(`/${first.mission_id}/runs?name=my+run`)).toEqual([reply.body['data']]);
    const { run_id: id } = reply.body['data'] as { run_id: string };
    expect((await world().api.run(id)).title).toBe('my run');
    await world().api.command(id, 'cancel');
  });
});
