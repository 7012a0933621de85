import type { Run, Wait } from '@fermata/protocol';
import { beforeAll, describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { waitingRun } from './sample-data.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const LATER = '2090-01-01T00:00:00.000Z';

interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

let runs: Run[];
let agentId: string;

beforeAll(async () => {
  const { api, developer } = world();
  const agent = await api.call<{ id: string }>('POST', '/v1/agents', {
    name: 'listed',
    model: 'script/echo',
  });
  agentId = agent.id;
  runs = [];
  for (let n = 0; n < 25; n++) {
    const client = n % 5 === 0 ? developer : api;
    runs.push(
      await client.start({
        input: `message number ${n} of the list`,
        startAt: LATER,
        metadata: { n, colour: n % 2 === 0 ? 'red' : 'blue' },
        title: n === 7 ? 'The 50% off_er' : `Title ${n}`,
        ...(n % 3 === 0 ? { agent: agentId } : {}),
        ...(n === 4 ? { key: 'the-fourth' } : {}),
      }),
    );
  }
  await api.command(runs[1]?.id ?? '', 'pause', { hold: 'mine' });
  await api.command(runs[2]?.id ?? '', 'cancel');
  const failed = await api.start({ model: 'no/model', input: 'x' });
  await api.reaches(failed.id, 'failed');
  await world().stranger.start({ input: 'message of a stranger', startAt: LATER });
});

function list(query: string): Promise<Page<Run>> {
  return world().viewer.call('GET', `/v1/runs?${query}`);
}

/** Positions of what the list shows, among the runs that were started. */
async function found(query: string): Promise<number[]> {
  const { data } = await list(`limit=100&${query}`);
  return data.map((run) => runs.findIndex((known) => known.id === run.id)).toSorted((a, b) => a - b);
}

describe('lists', () => {
  verifies(['list.page', 'list.runs-newest-first'], async () => {
    const first = await list('');
    expect(first.data).toHaveLength(20);
    const all: Run[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page<Run> = await list(
        `limit=7${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      all.push(...page.data);
      cursor = page.nextCursor;
    }
    const numbers = all.map((run) => run.number);
    expect(numbers).toEqual(numbers.toSorted((a, b) => b - a));
    expect(new Set(numbers).size).toBe(26);
    expect((await list('limit=100')).nextCursor).toBeNull();
    expect((await list('limit=26')).nextCursor).toBeNull();
  });

  verifies(['list.runs-filters'], async () => {
    const range = Array.from({ length: 25 }, (_, n) => n);
    expect(await found('status=cancelled')).toEqual([2]);
    expect(await found('status=paused,cancelled')).toEqual([1, 2]);
    expect(await found('hold=mine')).toEqual([1]);
    expect((await list('errorCode=provider_not_configured')).data).toMatchObject([{ status: 'failed' }]);
    expect(await found(`agent=${agentId}`)).toEqual(range.filter((n) => n % 3 === 0));
    expect(await found('key=the-fourth')).toEqual([4]);
    expect(await found('metadata.colour=red')).toEqual(range.filter((n) => n % 2 === 0));
    expect(await found('metadata.n=7')).toEqual([7]);
    expect(await found('metadata.n=7&metadata.colour=red')).toEqual([]);
    const developer = runs[0]?.createdBy.id ?? '';
    expect(await found(`createdBy=${developer}`)).toEqual(range.filter((n) => n % 5 === 0));
    expect(await found('q=number%2013')).toEqual([13]);
    expect(await found('q=50%25%20off_')).toEqual([7]);
    expect(await found('kind=flow')).toEqual([]);
    expect(await found('origin=telnyx')).toEqual([]);
    expect(await found('origin=native,telnyx&status=cancelled')).toEqual([2]);
    const since = runs[20]?.createdAt ?? '';
    const later = await found(`createdAfter=${since}&status=queued`);
    expect(later.every((n) => n >= 20)).toBe(true);
    expect(await found(`createdBefore=${runs[0]?.createdAt ?? ''}`)).toEqual([]);
    expect(await found('parent=01890000-0000-7000-8000-000000000000')).toEqual([]);
    expect(await found('session=nothing')).toEqual([]);
  });

  verifies(['list.waits-oldest-first', 'list.waits-filters'], async () => {
    const { api } = world();
    const opened: Wait[] = [];
    for (let n = 0; n < 3; n++) opened.push((await waitingRun(world())).wait);
    const [first, second, third] = opened as [Wait, Wait, Wait];
    await api.answer(third.id, { decision: 'deny', digest: third.digest ?? '' });
    await api.reaches(third.runId, 'succeeded');
    await api.call('POST', `/v1/waits/${second.id}/assign`, { assignee: 'team' });
    const asked = async (query: string): Promise<string[]> => {
      const page = await world().viewer.call<Page<Wait>>('GET', `/v1/waits?${query}`);
      return page.data.map((wait) => wait.id);
    };
    expect(await asked('')).toEqual([first.id, second.id]);
    expect(await asked('state=resolved')).toEqual([third.id]);
    expect(await asked('state=open,resolved')).toEqual([first.id, second.id, third.id]);
    expect(await asked(`run=${second.runId}`)).toEqual([second.id]);
    expect(await asked('assignee=team')).toEqual([second.id]);
    expect(await asked('kind=input')).toEqual([]);
    expect(await asked('kind=approval,input&tool=record_note')).toEqual([first.id, second.id]);
    expect(await asked('tool=other')).toEqual([]);
    expect(await asked(`olderThan=${second.openedAt}`)).toEqual([first.id]);
    expect(await asked('deadlineBefore=2099-01-01T00:00:00Z')).toEqual([]);
    const page = await world().viewer.call<Page<Wait>>('GET', '/v1/waits?limit=1');
    expect(page.data.map((wait) => wait.id)).toEqual([first.id]);
    expect(await asked(`limit=1&cursor=${encodeURIComponent(page.nextCursor ?? '')}`)).toEqual([second.id]);
    for (const { runId } of [first, second]) await api.command(runId, 'cancel');
  });

  verifies(['list.bad-query'], async () => {
    const cases: [string, string][] = [
      ['limit=0', 'query.limit'],
      ['limit=101', 'query.limit'],
      ['limit=1.5', 'query.limit'],
      ['limit=ten', 'query.limit'],
      ['statsu=queued', 'query.statsu'],
      ['cursor=nonsense', 'query.cursor'],
      ['cursor=', 'query.cursor'],
    ];
    for (const path of ['/v1/runs', '/v1/waits', '/v1/agents', '/v1/principals', '/v1/keys']) {
      for (const [query, place] of cases) {
        const problem = await world().api.refused('GET', `${path}?${query}`);
        expect([path, query, problem.status, problem.errors?.[0]?.path]).toEqual([path, query, 422, place]);
      }
    }
    for (const query of ['status=done', 'createdAfter=yesterday', 'status=']) {
      expect((await world().api.refused('GET', `/v1/runs?${query}`)).status).toBe(422);
    }
    // A cursor of one list is none of another.
    const { nextCursor } = await list('limit=1');
    const foreign = `/v1/waits?cursor=${encodeURIComponent(nextCursor ?? '')}`;
    expect((await world().api.refused('GET', foreign)).status).toBe(422);
  });
});
