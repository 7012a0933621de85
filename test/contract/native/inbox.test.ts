import type { InboxCounts, InboxItem, Wait } from '@fermata/protocol';
import { beforeAll, describe, expect } from 'vitest';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const LATER = '2090-01-01T00:00:00.000Z';
const CLIENT = { type: 'client', name: 'lookup', inputSchema: { type: 'object' } };
const ASK = {
  type: 'builtin',
  name: 'ask_user',
  deadline: [{ after: 3600, expire: true }],
};

interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

let approval: Wait;
let question: Wait;
let output: Wait;
let agentId: string;
let heldRunId: string;
let nightRunId: string;

async function waitOf(runId: string): Promise<Wait> {
  await world().api.reaches(runId, 'waiting');
  return only(await world().api.openWaits(runId));
}

beforeAll(async () => {
  const { api } = world();
  const agent = await api.call<{ id: string }>('POST', '/v1/agents', {
    name: 'Clerk',
    model: 'script/approval',
  });
  agentId = agent.id;
  approval = await waitOf((await api.start({ agent: agentId, input: 'a', title: 'Send it' })).id);
  const held = await api.start({ input: 'x', startAt: LATER });
  heldRunId = held.id;
  await api.command(held.id, 'pause', { reason: 'look at it first' });
  question = await waitOf(
    (
      await world().script([{ toolCalls: [{ tool: 'ask_user', args: { question: 'Which seat?' } }] }, {}], {
        tools: [ASK],
      })
    ).id,
  );
  output = await waitOf(
    (await world().script([{ toolCalls: [{ tool: 'lookup', args: {} }] }, {}], { tools: [CLIENT] })).id,
  );
  const night = await api.start({ input: 'x', startAt: LATER });
  nightRunId = night.id;
  await api.command(night.id, 'pause', { hold: 'night' });
  const ended = await api.start({ input: 'x', startAt: LATER });
  await api.command(ended.id, 'pause');
  await api.command(ended.id, 'cancel');
  await waitOf((await world().stranger.start({ model: 'script/approval', input: 'x' })).id).catch(() => null);
});

function list(query = ''): Promise<Page<InboxItem>> {
  return world().viewer.call('GET', `/v1/inbox?${query}`);
}

async function ids(query = ''): Promise<string[]> {
  return (await list(query)).data.map((item) => item.id);
}

const holdId = (runId: string, name = 'operator'): string => `hold_${runId}_${name}`;

describe('the inbox', () => {
  verifies(['inbox.items', 'inbox.client-tools'], async () => {
    const { data, nextCursor } = await list();
    expect(nextCursor).toBeNull();
    expect(data.map((item) => item.id)).toEqual([approval.id, holdId(heldRunId), question.id]);
    expect(data[0]).toMatchObject({
      kind: 'approval',
      since: approval.openedAt,
      prompt: approval.prompt,
      wait: approval,
      hold: null,
      run: {
        id: approval.runId,
        title: 'Send it',
        status: 'waiting',
        origin: 'native',
        agent: { id: agentId, name: 'Clerk' },
      },
    });
    expect(data[1]).toMatchObject({
      kind: 'hold',
      prompt: 'look at it first',
      wait: null,
      hold: { name: 'operator', by: { name: 'admin' } },
      run: { id: heldRunId, status: 'paused' },
    });
    expect(await ids('kind=tool_output')).toEqual([output.id]);
  });

  verifies(['inbox.order'], async () => {
    const all = await ids('kind=approval,input,tool_output,hold&hold=operator,night');
    expect(all).toEqual([
      approval.id,
      holdId(heldRunId),
      question.id,
      output.id,
      holdId(nightRunId, 'night'),
    ]);
    for (const orderBy of ['age', 'deadline']) {
      const query = `kind=approval,input,tool_output,hold&hold=operator,night&orderBy=${orderBy}`;
      const paged: string[] = [];
      let cursor = '';
      do {
        const page = await list(`${query}&limit=1${cursor}`);
        paged.push(...page.data.map((item) => item.id));
        cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
      } while (cursor !== '');
      const byDeadline = [question.id, ...all.filter((id) => id !== question.id)];
      expect(paged).toEqual(orderBy === 'age' ? all : byDeadline);
    }
    const { viewer } = world();
    for (const parts of [['inbox', 'x', 'y', 'z'], ['inbox', 1, 2, 3], ['waits', 'a', 'b', 'c'], ['inbox']]) {
      const forged = Buffer.from(JSON.stringify(parts)).toString('base64url');
      expect(await viewer.refused('GET', `/v1/inbox?cursor=${forged}`)).toMatchObject({ status: 422 });
    }
  });

  verifies(['inbox.filters'], async () => {
    expect(await ids('kind=approval')).toEqual([approval.id]);
    expect(await ids('kind=hold')).toEqual([holdId(heldRunId)]);
    expect(await ids('kind=hold&hold=night')).toEqual([holdId(nightRunId, 'night')]);
    expect(await ids(`agent=${agentId},other`)).toEqual([approval.id]);
    expect(await ids(`olderThan=${question.openedAt}`)).toEqual([approval.id, holdId(heldRunId)]);
    expect(await ids(`deadlineBefore=${LATER}`)).toEqual([question.id]);
    expect(await ids('assignee=night-shift')).toEqual([]);
    await world().api.call('POST', `/v1/waits/${question.id}/assign`, { assignee: 'night-shift' });
    expect(await ids('assignee=night-shift,nobody')).toEqual([question.id]);
    expect(await world().stranger.call<Page<InboxItem>>('GET', `/v1/inbox?agent=${agentId}`)).toMatchObject({
      data: [],
    });
  });

  verifies(['inbox.snoozed'], async () => {
    await world().api.call('POST', `/v1/waits/${approval.id}/snooze`, { until: LATER });
    expect(await ids('kind=approval')).toEqual([]);
    const shown = await list('kind=approval&snoozed=true');
    expect(only(shown.data).wait?.snoozedUntil).toBe(LATER);
    expect((await counts()).snoozed).toBe(1);
    await world().api.call('POST', `/v1/waits/${approval.id}/snooze`, { until: '2020-01-01T00:00:00.000Z' });
    expect(await ids('kind=approval')).toEqual([approval.id]);
  });

  verifies(['inbox.counts'], async () => {
    await world().api.call('POST', `/v1/waits/${question.id}/assign`, { assignee: 'night-shift' });
    expect(await counts()).toEqual({
      total: 3,
      byKind: { approval: 1, input: 1, in_doubt: 0, tool_output: 1, hold: 1 },
      byHold: { operator: 1, night: 1 },
      byAssignee: expect.arrayContaining([
        { assignee: null, count: 1 },
        { assignee: 'night-shift', count: 1 },
      ]) as InboxCounts['byAssignee'],
      snoozed: 0,
      overdue: 0,
    });
  });

  verifies(['waits.history'], async () => {
    const { api, operator, viewer } = world();
    const before = new Date(Date.now() - 60_000).toISOString();
    const second = await waitOf((await api.start({ agent: agentId, input: 'b' })).id);
    await operator.answer(second.id, { decision: 'deny', digest: second.digest ?? '' });
    await api.answer(approval.id, { decision: 'approve', digest: approval.digest ?? '' });
    const history = async (query: string): Promise<string[]> =>
      (await viewer.call<Page<Wait>>('GET', `/v1/waits?state=resolved&${query}`)).data.map((wait) => wait.id);
    expect(await history(`agent=${agentId}&order=desc`)).toEqual([second.id, approval.id]);
    expect(await history(`agent=${agentId}&order=asc`)).toEqual([approval.id, second.id]);
    const me = (await operator.call<{ principal: { id: string } }>('GET', '/v1/me')).principal.id;
    expect(await history(`decidedBy=${me}`)).toEqual([second.id]);
    expect(await history(`decidedAfter=${before}&decidedBy=${me}`)).toEqual([second.id]);
    expect(await history(`decidedAfter=${LATER}`)).toEqual([]);
    expect(await ids('kind=approval')).toEqual([]);
  });
});

function counts(): Promise<InboxCounts> {
  return world().viewer.call('GET', '/v1/inbox/counts');
}
