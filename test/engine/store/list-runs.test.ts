import { randomUUID } from 'node:crypto';
import type { Json, JsonObject, Run } from '@fermata/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunQuery } from '../../../packages/server/src/engine/facade.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createRunReads } from '../../../packages/server/src/store/runs.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { allPages, listOf, some } from './list-reference.ts';
import { ACTOR, insertOrganization, insertRun } from './rows.ts';

let database: TestDatabase;
let pool: Pool;
const sessions = [randomUUID(), randomUUID()] as const;
const missions = [randomUUID()];
const parents = [randomUUID(), randomUUID()];
const statuses = ['queued', 'running', 'paused', 'waiting', 'succeeded', 'failed', 'cancelled'] as const;
const kinds = ['agent', 'flow', 'session'];
const values = ['red', '3', 'true', '3.0', '', '"', 'null', '-0.5'];
const metadataValues: Json[] = [
  'red',
  3,
  true,
  '3',
  '3.0',
  null,
  ['red'],
  { x: 'red' },
  '',
  '"',
  -0.5,
  false,
];
const words = ['alpha', 'BETA', '50% off', 'a_b', 'back\\slash', 'naïve 🎵', 'say "hi"'];
const createdTimes = [
  '2026-01-01T00:00:00.000Z',
  '2026-01-01T00:00:00.001Z',
  '2026-02-01T12:00:00.500Z',
] as const;

/** What the brute-force reference knows of a run. */
interface Known {
  organizationId: number;
  id: string;
  number: number;
  status: string;
  columns: Record<string, unknown> & { metadata: JsonObject };
  holds: string[];
}
const known: Known[] = [];

const arbitraryRun = fc.record({
  organization: fc.constantFrom(1, 1, 1, 2),
  status: fc.constantFrom(...statuses),
  kind: fc.constantFrom(...kinds),
  origin: fc.constantFrom('native', 'telnyx'),
  agent: fc.constantFrom(null, 'agent_1', 'agent_2'),
  flow: fc.constantFrom(null, 'flow_1'),
  session: fc.constantFrom(null, ...sessions),
  mission: fc.constantFrom(null, ...missions),
  parent: fc.constantFrom(null, ...parents),
  holds: fc.subarray(['operator', 'budget', 'mine']),
  error: fc.constantFrom(null, 'timed_out', 'max_turns'),
  createdBy: fc.constantFrom('p1', 'p2'),
  metadata: fc.dictionary(fc.constantFrom('color', 'n', 'a.b'), fc.constantFrom(...metadataValues)),
  createdAt: fc.constantFrom(...createdTimes),
  title: fc.constantFrom(null, ...words),
  input: fc.constantFrom<Json>(null, ...words, { text: 'alpha', n: 1 }, [{ type: 'text', text: 'BETA' }]),
});

beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 4 });
  for (const id of [1, 2]) await insertOrganization(database.sql, id);
  const samples = fc.sample(arbitraryRun, { numRuns: 150, seed: 20260102 });
  for (const [index, sample] of samples.entries()) {
    const columns = {
      organization_id: sample.organization,
      kind: sample.kind,
      origin: sample.origin,
      agent_id: sample.agent,
      flow_id: sample.flow,
      session_id: sample.session,
      mission_id: sample.mission,
      parent_id: sample.parent,
      error_code: sample.error,
      created_by: { ...ACTOR, id: sample.createdBy },
      metadata: sample.metadata,
      created_at: sample.createdAt,
      title: sample.title,
      input: sample.input,
      key: index % 10 === 0 ? `key ${index}` : null,
    };
    const holds = sample.holds.map((name) => ({
      name,
      reason: null,
      by: ACTOR,
      since: createdTimes[0],
      stopClock: true,
    }));
    const { id, number } = await insertRun(database.sql, columns, { status: sample.status, holds });
    known.push({
      organizationId: sample.organization,
      id,
      number,
      status: sample.status,
      columns,
      holds: sample.holds,
    });
  }
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});

function textOfInput(input: unknown): string | null {
  if (input === null || input === undefined) return null;
  return typeof input === 'string' ? input : JSON.stringify(input);
}

/** `metadata.<name>=<value>` as the API describes it, spelled out. */
function hasMember(metadata: JsonObject, name: string, value: string): boolean {
  if (!Object.hasOwn(metadata, name)) return false;
  const member = metadata[name];
  if (member === value) return true;
  if (typeof member === 'boolean') return String(member) === value;
  return typeof member === 'number' && value.trim() === value && value !== '' && Number(value) === member;
}

/** The filters once more, one run at a time. */
function matches(run: Known, query: RunQuery): boolean {
  const { columns } = run;
  const among = (list: readonly string[] | undefined, value: unknown): boolean =>
    list === undefined || list.includes(value as string);
  const is = (wanted: string | null | undefined, value: unknown): boolean =>
    wanted === undefined || wanted === value;
  const createdAt = String(columns['created_at']);
  const q = query.q?.toLowerCase();
  return (
    run.organizationId === 1 &&
    among(query.status, run.status) &&
    among(query.kind, columns['kind']) &&
    among(query.agent, columns['agent_id']) &&
    among(query.flow, columns['flow_id']) &&
    among(query.origin, columns['origin']) &&
    among(query.errorCode, columns['error_code']) &&
    among(query.createdBy, (columns['created_by'] as { id: string }).id) &&
    is(query.session, columns['session_id']) &&
    is(query.mission, columns['mission_id']) &&
    is(query.parent, columns['parent_id']) &&
    is(query.mode, columns['mode']) &&
    is(query.title, columns['title']) &&
    is(query.key, columns['key']) &&
    (query.hold === undefined || run.holds.some((hold) => query.hold?.includes(hold))) &&
    Object.entries(query.metadata ?? {}).every(([name, value]) => hasMember(columns.metadata, name, value)) &&
    (query.createdAfter === undefined || createdAt > query.createdAfter) &&
    (query.createdBefore === undefined || createdAt < query.createdBefore) &&
    (q === undefined ||
      String(columns['title'] ?? '')
        .toLowerCase()
        .includes(q) ||
      (textOfInput(columns['input']) ?? '').toLowerCase().includes(q))
  );
}

const arbitraryQuery: fc.Arbitrary<RunQuery> = fc.record({
  status: listOf(statuses) as fc.Arbitrary<RunQuery['status']>,
  kind: listOf(kinds),
  agent: listOf(['agent_1', 'agent_2', 'agent_3']),
  flow: listOf(['flow_1']),
  origin: listOf(['native', 'telnyx']) as fc.Arbitrary<RunQuery['origin']>,
  session: some(fc.constantFrom(...sessions, 'no uuid')),
  mission: some(fc.constantFrom(null, ...missions)),
  missionKept: some(fc.constant(true)),
  parent: some(fc.constantFrom(...parents)),
  hold: listOf(['operator', 'budget', 'mine', 'other']),
  errorCode: listOf(['timed_out', 'max_turns']),
  createdBy: listOf(['p1', 'p2', 'p3']),
  key: some(fc.constantFrom('key 0', 'key 10', 'key 11')),
  metadata: some(
    fc.dictionary(fc.constantFrom('color', 'n', 'a.b', '__proto__'), fc.constantFrom(...values), {
      maxKeys: 2,
    }),
  ),
  createdAfter: some(fc.constantFrom(...createdTimes)),
  createdBefore: some(fc.constantFrom(...createdTimes)),
  q: some(fc.constantFrom('a', '%', '_', '\\', '🎵', 'beta', '"', 'text', '50%')),
  order: some(fc.constantFrom('asc' as const, 'desc' as const)),
  limit: fc.integer({ min: 9, max: 60 }),
});

/** Few filters at a time, or hardly any query would find anything. */
const narrowQuery = arbitraryQuery.chain((query) =>
  fc.subarray(Object.keys(query) as (keyof RunQuery)[], { maxLength: 4 }).map((keys): RunQuery => ({
    ...Object.fromEntries(keys.map((key) => [key, query[key]])),
    limit: query.limit,
  })),
);

describe('the list of runs', () => {
  it('finds by any filters what a look at every run finds, in order, page by page, with the total', async () => {
    const reads = createRunReads(pool);
    await fc.assert(
      fc.asyncProperty(narrowQuery, async (query) => {
        const expected = known.filter((run) => matches(run, query)).map((run) => run.number);
        expected.sort((a, b) => (query.order === 'asc' ? a - b : b - a));
        const runs = await allPages((paged: RunQuery) => reads.list(1, paged), query);
        expect(runs.map((run) => run.number)).toEqual(expected);
        const first = await reads.list(1, { ...query, total: true });
        expect(first.total).toBe(expected.length);
        const offset = await reads.list(1, { ...query, offset: 2 });
        expect(offset.data.map((run) => run.number)).toEqual(expected.slice(2, 2 + (query.limit ?? 0)));
      }),
      { numRuns: 150 },
    );
  });

  it('finds one by its id, number or key, and none for a stranger', async () => {
    const reads = createRunReads(pool);
    const [run] = known.filter((one) => one.organizationId === 1 && one.columns['key'] !== null);
    if (run === undefined) throw new Error('no run has a key');
    const key = String(run.columns['key']);
    const found = await Promise.all([
      reads.byId(1, run.id),
      reads.byNumber(1, run.number),
      reads.byKey(1, key),
    ]);
    for (const one of found) expect(one).toMatchObject({ id: run.id, status: run.status, key });
    const strange = await Promise.all([
      reads.byId(2, run.id),
      reads.byNumber(2, run.number),
      reads.byKey(2, key),
      reads.byId(1, 'x'),
      reads.byNumber(1, 0.5),
      reads.byKey(1, 'a\u0000'),
      reads.byId(1, randomUUID()),
    ]);
    expect(strange).toEqual(strange.map(() => null));
  });

  it('shows every member of a run', async () => {
    const agent = { id: 'agent_1', name: 'a', model: 'script/echo', version: 2, instructions: 'secret' };
    const wait = {
      id: 'wait_1',
      kind: 'approval' as const,
      callId: 'call_1',
      tool: 'send',
      since: createdTimes[1],
      digest: 'd',
      approvers: null,
      childRunId: null,
      assignee: null,
      onExpire: 'continue' as const,
      deadlineAt: createdTimes[2],
      remainingMs: null,
    };
    const { id, number } = await insertRun(
      database.sql,
      {
        organization_id: 2,
        agent,
        flow: { name: 'steps', steps: [] },
        flow_id: 'flow_9',
        output: 'done',
        summary: 's',
        error: { code: 'timed_out', message: 'm' },
        ended_by: { actor: ACTOR, reason: 'r' },
        forked_from: { runId: sessions[0], seq: 3 },
        face: { x: 1 },
        start_at: createdTimes[0],
        secrets: 'sealed',
        traceparent: '00-1',
      },
      {
        status: 'waiting',
        waits: [wait],
        head: 9,
        at: createdTimes[2],
        turn: { number: 2, attempt: 1, phase: 'tools', asked: 1 },
        usage: {
          turns: 1,
          toolCalls: 2,
          inputTokens: 3,
          outputTokens: 4,
          costUsd: null,
          activeMs: 1499,
          byModel: {},
        },
        limits: { maxTurns: 5 },
      },
    );
    const run = await createRunReads(pool).byId(2, id);
    expect(run).toEqual({
      id,
      number,
      key: null,
      organizationId: 2,
      createdBy: ACTOR,
      status: 'waiting',
      statusSince: '2026-01-02T03:04:05.000Z',
      mode: 'managed',
      kind: 'agent',
      origin: 'native',
      agent: { id: 'agent_1', name: 'a', model: 'script/echo', version: 2 },
      flow: { id: 'flow_9', name: 'steps' },
      title: null,
      sessionId: null,
      missionId: null,
      parentId: null,
      forkedFrom: { runId: sessions[0], seq: 3 },
      input: null,
      output: 'done',
      summary: 's',
      error: { code: 'timed_out', message: 'm' },
      endedBy: { actor: ACTOR, reason: 'r' },
      holds: [],
      openWaits: [
        {
          id: 'wait_1',
          runId: id,
          kind: 'approval',
          callId: 'call_1',
          tool: 'send',
          since: createdTimes[1],
          deadlineAt: createdTimes[2],
        },
      ],
      sealed: null,
      checkpoint: null,
      head: 9,
      turn: 2,
      usage: {
        turns: 1,
        toolCalls: 2,
        inputTokens: 3,
        outputTokens: 4,
        costUsd: null,
        activeSeconds: 1,
        byModel: {},
      },
      limits: { maxTurns: 5 },
      metadata: {},
      face: { x: 1 },
      startAt: createdTimes[0],
      createdAt: '2026-01-02T03:04:05.000Z',
      startedAt: '2026-01-02T03:04:05.000Z',
      updatedAt: createdTimes[2],
      finishedAt: null,
    } satisfies Run);
    expect(await createRunReads(pool).definition(id)).toMatchObject({
      runId: id,
      number,
      organizationId: 2,
      agent,
      secrets: 'sealed',
      traceparent: '00-1',
      parent: null,
    });
    expect(await createRunReads(pool).definition(randomUUID())).toBeNull();
  });
});
