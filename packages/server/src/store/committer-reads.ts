import type { AnswerBody, Actor, Resolution, Role, Wait } from '@fermata/protocol';
import type { ClosedWait, EarlyAnswer, DecisionFacts } from '../engine/commands.ts';
import type { CommitRequest, CommitTarget } from '../engine/commit.ts';
import type { Dispatch } from '../engine/dispatch.ts';
import type { RunState } from '../engine/state.ts';
import type { Plan } from '../engine/plan.ts';
import { allSettledOrThrow, when } from './pipelined.ts';
import { plansOf, selectPlanEvents } from './plans.ts';
import {
  clockColumns,
  lockedFromRow,
  lockRuns,
  type ClockRow,
  type LockedRun,
  type StateRow,
} from './run-locks.ts';
import type { RunRecordRow } from './run-row.ts';
import type { Sql } from './sql.ts';
import { WAIT_COLUMNS, waitFromRow, type WaitRow } from './waits.ts';

/** Everything that one batch decides on. Read in one round trip, under the locks. */
export interface BatchFacts {
  /** Transaction id, for `pg_xact_status` when the connection is lost in COMMIT. */
  xid: string;
  /** Database time, ms since 1970. */
  nowMs: number;
  runs: Map<string, LockedRun>;
  /** Scopes and run keys whose advisory lock this batch holds. */
  keys: Set<string>;
  /** The rest by run id. */
  waits: Map<string, WaitFact[]>;
  early: Map<string, EarlyAnswer[]>;
  /** `<kind>:<key>` → seq. */
  known: Map<string, Map<string, number>>;
  replies: Map<string, { fingerprint: string; status: number; body: string }>;
  records: Map<string, RunRecordRow>;
  /** `<organization>:<key>` → run id, with the run's locked-free state for the reply. */
  existing: Map<string, { runId: string; state: RunState; dispatch: Dispatch }>;
  numbers: number[];
  /** Of runs whose plan a command changes. */
  plans: Map<string, Plan>;
  /** Claimed runs by organization; only when a limit is configured. */
  claimed: Map<number, number>;
}

export interface WaitFact {
  runId: string;
  wait: Wait;
  closed: ClosedWait | null;
}

/** What a batch must read, gathered from its requests. */
export interface BatchNeeds {
  runIds: string[];
  locks: string[];
  waitIds: string[];
  calls: { runId: string; callId: string }[];
  earlyRunIds: string[];
  known: { runId: string; kind: string; key: string }[];
  scopes: string[];
  recordIds: string[];
  planRunIds: string[];
  existing: { organizationId: number; key: string }[];
  creates: number;
  countClaims: boolean;
}

export function needsOf(requests: readonly CommitRequest[], countClaims: boolean): BatchNeeds {
  const runIds = new Set<string>();
  const earlyRunIds = new Set<string>();
  const recordIds = new Set<string>();
  const needs: BatchNeeds = {
    runIds: [],
    locks: [],
    waitIds: [],
    calls: [],
    earlyRunIds: [],
    known: [],
    scopes: [],
    recordIds: [],
    planRunIds: [],
    existing: [],
    creates: 0,
    countClaims,
  };
  for (const request of requests) {
    for (const key of lockKeys(request)) needs.locks.push(key);
    if (request.idempotency !== undefined) needs.scopes.push(request.idempotency.key.scope);
    if ('create' in request) {
      needs.creates += 1;
      const { key, organizationId } = request.create.created;
      if (key !== null) needs.existing.push({ organizationId, key });
      continue;
    }
    runIds.add(request.runId);
    if (request.view === true) recordIds.add(request.runId);
    addCommandNeeds(request, needs, earlyRunIds, recordIds);
  }
  return { ...needs, runIds: [...runIds], earlyRunIds: [...earlyRunIds], recordIds: [...recordIds] };
}

function addCommandNeeds(
  request: Exclude<CommitTarget, { create: unknown }>,
  needs: BatchNeeds,
  earlyRunIds: Set<string>,
  recordIds: Set<string>,
): void {
  const { runId } = request;
  for (const command of request.commands) {
    switch (command.type) {
      case 'answer':
        if ('waitId' in command.target) needs.waitIds.push(command.target.waitId);
        else needs.calls.push({ runId, callId: command.target.callId });
        break;
      case 'assign':
      case 'snooze':
        needs.waitIds.push(command.waitId);
        break;
      case 'openWaits':
        earlyRunIds.add(runId);
        break;
      case 'delegate':
        needs.creates += 1;
        break;
      case 'message':
        if (command.messageId !== null) needs.known.push({ runId, kind: 'message', key: command.messageId });
        break;
      case 'note':
        if (command.note.key !== null) needs.known.push({ runId, kind: 'note', key: command.note.key });
        break;
      case 'update':
        recordIds.add(runId);
        break;
      case 'plan':
        needs.planRunIds.push(runId);
        break;
      default:
    }
  }
}

/** The advisory locks that a request needs besides its run's row, by name. */
export function lockKeys(request: CommitRequest): string[] {
  const keys: string[] = [];
  if (request.idempotency !== undefined) keys.push(request.idempotency.key.scope);
  if ('create' in request && request.create.created.key !== null)
    keys.push(runKeyLock(request.create.created));
  return keys;
}

function runKeyLock(created: { organizationId: number; key: string | null }): string {
  return `run-key:${created.organizationId}:${created.key ?? ''}`;
}

/**
 * Round trip one. Locks first; everything else in later statements, whose snapshots are younger than the locks:
 * a wait that was read inside the locking statement could be an old one, and would be answered twice. Statements
 * are pipelined; those that no request needs are not sent.
 */
export async function readFacts(
  sql: Sql,
  needs: BatchNeeds,
  begins: boolean,
  readRuns = lockRuns,
): Promise<BatchFacts> {
  const begin = begins ? sql`begin isolation level read committed` : null;
  // The locking statement brings time and transaction id along; only a batch without runs must ask for them.
  const clock =
    needs.runIds.length > 0 && needs.creates === 0 ? null : sql<ClockRow[]>`select ${clockColumns(sql)}`;
  const runs = when(needs.runIds, () => readRuns(sql, needs.runIds));
  const locks = when(
    needs.locks,
    () => sql<{ key: string; got: boolean }[]>`
      select key, pg_try_advisory_xact_lock(hashtextextended(key, 0)) as got
      from unnest(${needs.locks}::text[]) as key`,
  );
  const waits = when(
    [...needs.waitIds, ...needs.calls],
    () => sql<WaitRow[]>`
      select ${sql.unsafe(WAIT_COLUMNS)} from waits where id = any(${needs.waitIds}::text[])
      union all
      select ${sql.unsafe(WAIT_COLUMNS)} from waits
      where (run_id, call_id) in (
        select * from unnest(${needs.calls.map((call) => call.runId)}::uuid[],
                             ${needs.calls.map((call) => call.callId)}::text[]))`,
  );
  const early = when(
    needs.earlyRunIds,
    () => sql<EarlyRow[]>`
      select run_id, call_id, kind, answer, by, role, via, at from early_answers
      where run_id = any(${needs.earlyRunIds}::uuid[])`,
  );
  const known = when(
    needs.known,
    () => sql<KnownRow[]>`
      select run_id, kind, key, seq from run_keys
      where (run_id, kind, key) in (
        select * from unnest(${needs.known.map((item) => item.runId)}::uuid[],
                             ${needs.known.map((item) => item.kind)}::text[],
                             ${needs.known.map((item) => item.key)}::text[]))`,
  );
  const replies = when(
    needs.scopes,
    () => sql<{ scope: string; fingerprint: string; status: number; body: string }[]>`
      select encode(scope, 'hex') as scope, encode(fingerprint, 'hex') as fingerprint, status, body from replies
      where scope = any(select decode(hex, 'hex') from unnest(${needs.scopes}::text[]) as hex)
        and expires_at > now()`,
  );
  const records = when(
    needs.recordIds,
    () => sql<RunRecordRow[]>`select * from runs where id = any(${needs.recordIds}::uuid[])`,
  );
  const existing = when(
    needs.existing,
    () => sql<(RunRecordRow & StateRow)[]>`
      select runs.*, run_state.run_id, run_state.state, run_state.epoch, run_state.claim, run_state.executor_id,
        run_state.attempts, run_state.due_at
      from runs join run_state on run_state.run_id = runs.id
      where (runs.organization_id, runs.key) in (
        select * from unnest(${needs.existing.map((item) => item.organizationId)}::int[],
                             ${needs.existing.map((item) => item.key)}::text[]))`,
  );
  const plans = when(needs.planRunIds, () => selectPlanEvents(sql, needs.planRunIds));
  const numbers =
    needs.creates === 0
      ? null
      : sql<{ number: number }[]>`
    select nextval('run_number') as number from generate_series(1, ${needs.creates}::int)`;
  const claimed = !needs.countClaims
    ? null
    : sql<{ organization_id: number; claimed: number }[]>`
    select organization_id, count(*)::int as claimed from run_state where claim is not null group by 1`;

  const [
    ,
    clockRows,
    runRows,
    lockRows,
    waitRows,
    earlyRows,
    knownRows,
    replyRows,
    recordRows,
    existingRows,
    numberRows,
    claimedRows,
    planEvents,
  ] = await allSettledOrThrow([
    begin,
    clock,
    runs,
    locks,
    waits,
    early,
    known,
    replies,
    records,
    existing,
    numbers,
    claimed,
    plans,
  ] as const);

  const recordMap = new Map<string, RunRecordRow>();
  for (const row of recordRows ?? []) recordMap.set(row.id, row);
  for (const row of existingRows ?? []) recordMap.set(row.id, row);
  const now = clockRows?.[0] ?? runRows?.[0];
  return {
    // Without a locked row nothing is written.
    xid: now?.xid ?? '0',
    nowMs: now?.now ?? Date.now(),
    runs: new Map((runRows ?? []).map((row) => [row.run_id, lockedFromRow(row)])),
    keys: new Set((lockRows ?? []).filter((row) => row.got).map((row) => row.key)),
    waits: grouped(waitRows ?? [], (row) => row.run_id, waitFact),
    early: grouped(earlyRows ?? [], (row) => row.run_id, earlyFact),
    known: knownKeys(knownRows ?? []),
    replies: new Map((replyRows ?? []).map((row) => [row.scope, row])),
    records: recordMap,
    existing: new Map(
      (existingRows ?? []).map((row) => [
        `${row.organization_id}:${row.key ?? ''}`,
        { runId: row.id, state: row.state, dispatch: lockedFromRow(row).dispatch },
      ]),
    ),
    numbers: (numberRows ?? []).map((row) => row.number),
    plans: plansOf(planEvents ?? []),
    claimed: new Map((claimedRows ?? []).map((row) => [row.organization_id, row.claimed])),
  };
}

interface KnownRow {
  run_id: string;
  kind: string;
  key: string;
  seq: number;
}

interface EarlyRow {
  run_id: string;
  call_id: string;
  kind: string;
  answer: AnswerBody;
  by: Actor;
  role: Role | null;
  via: string;
  at: string;
}

function earlyFact(row: EarlyRow): EarlyAnswer {
  const { call_id: callId, kind, answer, by, role, via, at } = row;
  return { callId, kind, answer, by, role: role ?? 'operator', via, at };
}

function knownKeys(rows: readonly KnownRow[]): BatchFacts['known'] {
  const known: BatchFacts['known'] = new Map();
  for (const [runId, pairs] of grouped(
    rows,
    (row) => row.run_id,
    (row) => [`${row.kind}:${row.key}`, row.seq] as const,
  )) {
    known.set(runId, new Map(pairs));
  }
  return known;
}

function grouped<Row, Item>(
  rows: readonly Row[],
  key: (row: Row) => string,
  item: (row: Row) => Item,
): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group === undefined) groups.set(key(row), [item(row)]);
    else group.push(item(row));
  }
  return groups;
}

function waitFact(row: WaitRow): WaitFact {
  const wait = waitFromRow(row);
  return { runId: wait.runId, wait, closed: closedFrom(wait, wait.resolution) };
}

export function closedFrom(
  wait: Pick<Wait, 'id' | 'kind' | 'callId'>,
  resolution: Resolution | null,
): ClosedWait | null {
  return resolution === null ? null : { id: wait.id, kind: wait.kind, callId: wait.callId, resolution };
}

/** What `update` compares with. */
export function recordFact(row: RunRecordRow | undefined): DecisionFacts['record'] {
  if (row === undefined) return null;
  const { title, metadata, output, summary, error } = row;
  return { title, metadata, output, summary, error };
}
