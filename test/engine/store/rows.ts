import { randomUUID } from 'node:crypto';
import { EVENT_VERSION, type RunEvent } from '@fermata/protocol';
import type { RunState } from '../../../packages/server/src/engine/state.ts';
import type { Sql } from '../../../packages/server/src/store/sql.ts';

/** Wide columns of a run, with defaults. */
export interface RunColumns {
  id: string;
  organization_id: number;
  [column: string]: unknown;
}

export const ACTOR = { type: 'principal' as const, id: 'p1', name: 'Ada' };

/** A narrow state, as a commit would leave it. */
export function narrowState(
  runId: string,
  organizationId: number,
  number: number,
  more: Partial<RunState> = {},
): RunState {
  return {
    runId,
    organizationId,
    number,
    mode: 'managed',
    parentId: null,
    status: 'running',
    statusSince: '2026-01-02T03:04:05.000Z',
    head: 1,
    at: '2026-01-02T03:04:05.000Z',
    startAt: null,
    startedAt: '2026-01-02T03:04:05.000Z',
    finishedAt: null,
    holds: [],
    waits: [],
    turn: { number: 0, attempt: 0, phase: 'done', asked: 0 },
    calls: [],
    steps: [],
    inbox: [],
    announced: null,
    checkpoint: null,
    model: null,
    remembered: [],
    sealed: null,
    limits: {},
    firstLimits: {},
    onLimit: 'pause',
    usage: { turns: 0, toolCalls: 0, inputTokens: 0, outputTokens: 0, costUsd: 0, activeMs: 0, byModel: {} },
    base: { turns: 0, tokens: 0, toolCalls: 0, costUsd: 0, activeMs: 0 },
    ...more,
  };
}

/** Makes an organization of this id. */
export async function insertOrganization(sql: Sql, id: number): Promise<void> {
  await sql`insert into organizations (id, uuid, name) values (${id}, ${randomUUID()}, ${`organization ${id}`})
    on conflict do nothing`;
}

/** Inserts a run and its state, as they are after `state.head` events. Returns its id and number. */
export async function insertRun(
  sql: Sql,
  columns: Record<string, unknown> & { organization_id?: number } = {},
  state: Partial<RunState> = {},
  dispatch: Record<string, unknown> = {},
): Promise<{ id: string; number: number }> {
  const id = randomUUID();
  const [row] = await sql<{ number: number }[]>`select nextval('run_number') as number`;
  const number = row?.number ?? 0;
  const organizationId = columns.organization_id ?? 1;
  const run = {
    id,
    number,
    organization_id: organizationId,
    created_by: ACTOR,
    mode: 'managed',
    kind: 'agent',
    origin: 'native',
    metadata: {},
    created_at: '2026-01-02T03:04:05.000Z',
    ...columns,
  };
  const narrow = narrowState(id, organizationId, number, state);
  const locked = {
    run_id: id,
    organization_id: organizationId,
    number,
    status: narrow.status,
    head: narrow.head,
    state: narrow,
    epoch: 0,
    attempts: 0,
    ...dispatch,
  };
  await sql`insert into runs select * from json_populate_record(null::runs, ${JSON.stringify(run)}::json)`;
  await sql`insert into run_state select * from json_populate_record(null::run_state, ${JSON.stringify(locked)}::json)`;
  for (const { name, since } of narrow.holds) {
    await sql`insert into holds (id, run_id, organization_id, number, name, since, is_live)
      values (${`hold_${id}_${name}`}, ${id}, ${organizationId}, ${number}, ${name}, ${since}, ${narrow.finishedAt === null})`;
  }
  return { id, number };
}

/** Appends deltas to a run's log and moves its head, in one transaction, as a commit does. */
export async function appendDeltas(
  sql: Sql,
  runId: string,
  first: number,
  count: number,
): Promise<RunEvent[]> {
  const events = Array.from({ length: count }, (_, index): RunEvent => ({
    runId,
    seq: first + index,
    type: 'message.delta',
    at: '2026-01-02T03:04:05.000Z',
    v: EVENT_VERSION,
    data: { turn: 1, attempt: 1, part: 0, channel: 'text', text: `delta ${first + index}` },
  }));
  await sql`with added as (
      insert into events (run_id, seq, type, at, v, data)
      select ${runId}, e.seq, e.type, e.at, e.v, e.data
      from json_to_recordset(${JSON.stringify(events)}::json)
        as e (seq int, type text, at timestamptz, v smallint, data json)
      returning seq)
    update run_state set head = (select max(seq) from added) where run_id = ${runId}`;
  return events;
}
