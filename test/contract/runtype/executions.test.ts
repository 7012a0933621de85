import type { Run } from '@fermata/protocol';
import { beforeAll, describe, expect } from 'vitest';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { RuntypeClient } from './runtype-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world(), world().viewer.key);

interface Execution {
  executionId: string;
  agentId: string | null;
  status: string;
  stopReason: string | null;
}
interface Page {
  data: Execution[];
  pagination: { nextCursor: string | null; hasMore: boolean; totalCount?: number };
}

let agentId: string;
let runs: { done: Run; failed: Run; stopped: Run; waiting: Run; cancelled: Run; other: Run };

beforeAll(async () => {
  const { api } = world();
  const agent = await api.call<{ id: string }>('POST', '/v1/agents', {
    name: 'counted',
    model: 'script/echo',
  });
  agentId = agent.id;
  const start = (body: Record<string, unknown>): Promise<Run> =>
    api.start({ agent: agentId, input: 'hello', ...body });
  const done = await api.finished((await start({})).id);
  const failed = await api.finished((await start({ model: 'no/model' })).id);
  const loop = { toolCalls: [{ tool: 'ask', args: { n: 1 } }] };
  const tools = [{ type: 'client', name: 'ask', description: 'asks the page' }];
  const limited = await start({ script: [loop, loop], tools, limits: { maxTurns: 1 } });
  await api.reaches(limited.id, 'waiting');
  await api.answerCall(limited.id, only(await api.openWaits(limited.id)).callId ?? '', { output: 'x' });
  const stopped = await api.finished(limited.id);
  const waiting = await api.reaches(
    (await start({ script: [{ text: 'let me see', ...loop }], tools })).id,
    'waiting',
  );
  const cancelled = await start({ startAt: '2090-01-01T00:00:00Z' });
  await api.command(cancelled.id, 'cancel');
  const other = await api.finished((await api.start({ model: 'script/echo', input: 'inline' })).id);
  runs = { done, failed, stopped, waiting, cancelled: await api.run(cancelled.id), other };
});

const idOf = (run: Run): string => `exec_${run.id}`;

async function list(query = '', agent = agentId): Promise<Page> {
  const reply = await runtype().request<Page>('GET', `/v1/agents/${agent}/executions?${query}`);
  expect(reply.status).toBe(200);
  return reply.body;
}
async function found(query: string, agent = agentId): Promise<string[]> {
  const ids = (await list(query, agent)).data.map((row) => row.executionId);
  return Object.entries(runs).flatMap(([name, run]) => (ids.includes(idOf(run)) ? [name] : []));
}

describe('executions', () => {
  verifies(['executions.list'], async () => {
    const first = await list('limit=2&includeCount=true');
    expect(first.data.map((row) => row.executionId)).toEqual([runs.cancelled, runs.waiting].map(idOf));
    expect(first.pagination).toMatchObject({ hasMore: true, limit: 2, totalCount: 5, prevCursor: null });
    const second = await list(`limit=100&cursor=${first.pagination.nextCursor ?? ''}`);
    expect(second.data.map((row) => row.executionId)).toEqual(
      [runs.stopped, runs.failed, runs.done].map(idOf),
    );
    expect(second.pagination).toMatchObject({ hasMore: false, nextCursor: null, hasPrev: true });
    expect(second.data.at(-1)).toEqual({
      id: idOf(runs.done),
      executionId: idOf(runs.done),
      agentId,
      agentSource: 'saved',
      parentExecutionId: null,
      surfaceType: 'native',
      status: 'completed',
      stopReason: 'complete',
      iterations: 1,
      totalCost: expect.toBeOneOf([null, expect.any(String)]) as string | null,
      totalTokens: { input: expect.any(Number) as number, output: expect.any(Number) as number },
      startedAt: runs.done.startedAt,
      completedAt: runs.done.finishedAt,
      createdAt: runs.done.createdAt,
    });
    expect(await found('limit=100', 'virtual')).toEqual(Object.keys(runs));
    const bad = await runtype().request('GET', `/v1/agents/${agentId}/executions?cursor=nonsense`);
    expect(bad.status).toBe(400);
  });

  verifies(['executions.filters'], async () => {
    expect(await found('status=running')).toEqual([]);
    expect(await found('status=paused')).toEqual(['waiting']);
    expect(await found('status=completed')).toEqual(['done', 'stopped']);
    expect(await found('status=failed')).toEqual(['failed']);
    expect(await found('status=cancelled')).toEqual(['cancelled']);
    expect((await list('status=unheard-of&includeCount=true')).pagination.totalCount).toBe(0);
    expect(await found('surfaceType=native')).toHaveLength(5);
    expect(await found('surfaceType=runtype')).toEqual([]);
    expect(await found('surfaceType=moon')).toEqual([]);
    expect(await found(`from=${runs.waiting.createdAt}`)).toEqual(['waiting', 'cancelled']);
    expect(await found(`to=${runs.failed.createdAt}`)).toEqual(['done', 'failed']);
    expect(await found(`executionId=${idOf(runs.other)}`)).toEqual(['other']);
    expect(await found(`executionId=${runs.done.id}&status=failed`)).toEqual([]);
    expect(await found(`parentExecutionId=${idOf(runs.done)}`)).toEqual([]);
    expect(await found('parentExecutionId=none')).toEqual([]);
    const stop = (await list(`executionId=${idOf(runs.stopped)}`)).data[0];
    expect(stop).toMatchObject({ status: 'completed', stopReason: 'max_turns' });
    for (const query of ['limit=many', 'from=yesterday']) {
      const reply = await runtype().request('GET', `/v1/agents/${agentId}/executions?${query}`);
      expect([query, reply.status]).toEqual([query, 400]);
    }
  });

  verifies(['executions.detail'], async () => {
    const reply = await runtype().request('GET', `/v1/agents/any/executions/${idOf(runs.stopped)}`);
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      id: idOf(runs.stopped),
      inputMessages: [{ role: 'user', content: 'hello' }],
      loopConfig: { maxTurns: 1 },
      iterationDetails: [{ iteration: 1, toolCallsMade: 1, stopReason: 'end_turn', model: 'script/echo' }],
    });
    const done = await runtype().request('GET', `/v1/agents/virtual/executions/${runs.done.id}`);
    expect(done.body).toMatchObject({ finalOutput: 'hello', iterationDetails: [{ content: 'hello' }] });
  });

  verifies(['executions.tool-calls'], async () => {
    const path = `/v1/agents/${agentId}/executions/${idOf(runs.stopped)}/tool-calls`;
    const { body } = await runtype().request<{ toolCalls: Record<string, unknown>[] }>('GET', path);
    const call = only(body.toolCalls);
    expect(call).toEqual({
      id: expect.stringMatching(/^call_/) as string,
      toolName: 'ask',
      toolDescription: 'asks the page',
      model: 'script/echo',
      status: 'completed',
      errorMessage: null,
      executionTimeMs: expect.any(Number) as number,
      createdAt: expect.any(String) as string,
      iteration: 1,
    });
    const one = await runtype().request('GET', `${path}/${String(call['id'])}`);
    const { iteration: _iteration, ...rest } = call;
    expect(one.body).toEqual({ ...rest, toolId: null, inputParameters: { n: 1 }, outputResult: 'x' });
    const waiting = await runtype().request<{ toolCalls: Record<string, unknown>[] }>(
      'GET',
      `/v1/agents/virtual/executions/${idOf(runs.waiting)}/tool-calls`,
    );
    expect(only(waiting.body.toolCalls)).toMatchObject({ status: 'waiting', executionTimeMs: null });
    expect((await runtype().request('GET', `${path}/call_none`)).status).toBe(404);
  });

  verifies(['executions.strangers'], async () => {
    const stranger = RuntypeClient.of(world(), world().stranger.key);
    const paths = [
      `/v1/agents/${agentId}/executions`,
      `/v1/agents/virtual/executions/${idOf(runs.done)}`,
      `/v1/agents/virtual/executions/${idOf(runs.done)}/tool-calls`,
      `/v1/agents/virtual/executions/${idOf(runs.stopped)}/tool-calls/call_1`,
    ];
    for (const path of paths)
      expect([path, (await stranger.request('GET', path)).status]).toEqual([path, 404]);
    expect(await found('', 'virtual')).toHaveLength(6);
    const theirs = await stranger.request<Page>('GET', '/v1/agents/virtual/executions');
    expect(theirs.body.data).toEqual([]);
    for (const id of ['exec_none', 'exec_01890000-0000-7000-8000-000000000000', 'x'.repeat(2000)]) {
      expect((await runtype().request('GET', `/v1/agents/virtual/executions/${id}`)).status).toBe(404);
    }
    expect((await runtype().request('GET', '/v1/agents/agent_unknown/executions')).status).toBe(404);
  });
});
