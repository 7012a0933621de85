import { isTerminal, type EventOf, type RunEvent, type RunStatus, type Wait } from '@fermata/protocol';
import { expect } from 'vitest';
import { fold } from '../../packages/server/src/engine/apply.ts';
import { EMPTY_RECORD, recordPatch, type RunRecord } from '../../packages/server/src/engine/record.ts';
import type { RunState } from '../../packages/server/src/engine/state.ts';
import type { Sql } from '../../packages/server/src/store/sql.ts';
import type { EffectTarget } from './effects.ts';

/** What may stand after a terminal event besides late outcomes (I3). */
const AFTER_THE_END: ReadonlySet<string> = new Set([
  'run.reopened',
  'run.updated',
  'note.logged',
  'plan.created',
  'plan.steps_added',
  'plan.step_updated',
  'usage.recorded',
  'child.changed',
  'child.finished',
]);

/**
 * The invariants of one run as the database holds it: the log is dense and in order, everything else is its fold,
 * nothing was done twice. `effects`: the service that the run's tools called. Returns the log.
 */
export async function assertRunIsConsistent(
  sql: Sql,
  runId: string,
  effects?: EffectTarget,
): Promise<RunEvent[]> {
  // One statement each would see different moments of a run that is still driven.
  const found = await sql.begin('isolation level repeatable read', async (tx) => ({
    events: await tx<RunEvent[]>`
      select run_id as "runId", seq, type, at, v, data from events where run_id = ${runId} order by seq`,
    states: await tx<StateRow[]>`select * from run_state where run_id = ${runId}`,
    records: await tx<RecordRow[]>`
      select title, metadata, output, summary, error, error_code, ended_by, secrets from runs where id = ${runId}`,
    waits: await tx<WaitRow[]>`select * from waits where run_id = ${runId} order by opened_seq`,
    holds: await tx<HoldRow[]>`select name, since, is_live from holds where run_id = ${runId} order by name`,
  }));
  const events: RunEvent[] = [...found.events];
  const [row, ...others] = found.states;
  if (row === undefined || others.length > 0) throw new Error(`run ${runId} has no row of its own`);
  checkOrder(events);
  checkProjection(events, row, found.records[0]);
  checkDispatch(row);
  checkHolds(row.state, found.holds);
  checkWaits(events, row.state, found.waits);
  checkTurns(events);
  checkCalls(events);
  checkEnd(events);
  if (effects !== undefined) checkEffects(events, runId, effects);
  return events;
}

interface StateRow {
  state: RunState;
  status: RunStatus;
  head: number;
  number: number;
  organization_id: number;
  claim: string | null;
  executor_id: string | null;
  due_at: string | null;
  deadline_at: string | null;
}

interface RecordRow extends Omit<RunRecord, 'endedBy'> {
  ended_by: RunRecord['endedBy'];
  error_code: string | null;
  secrets: string | null;
}

interface WaitRow {
  id: string;
  kind: string;
  state: Wait['state'];
  call_id: string | null;
  tool: string | null;
  assignee: string | null;
  deadline_at: string | null;
  clock_stopped: boolean;
  remaining_ms: number | null;
  opened_at: string;
  opened_seq: number;
  resolution: unknown;
}

interface HoldRow {
  name: string;
  since: string;
  is_live: boolean;
}

/** I2: the rows of `holds` are those of the state. */
function checkHolds(state: RunState, rows: readonly HoldRow[]): void {
  const is_live = !isTerminal(state.status);
  const expected = state.holds.map(({ name, since }) => ({ name, since, is_live }));
  expect([...rows], 'holds are those of the state').toEqual(
    expected.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  );
}

/** I1: dense from 1, but for compacted deltas, which name the first seq that they stand for. */
function checkOrder(events: readonly RunEvent[]): void {
  let last: RunEvent | null = null;
  for (const event of events) {
    const first = event.type === 'message.delta' ? (event.data.from ?? event.seq) : event.seq;
    expect(first, 'seq is dense').toBe((last?.seq ?? 0) + 1);
    expect(event.at >= (last?.at ?? ''), `time goes on at seq ${event.seq}`).toBe(true);
    last = event;
  }
}

/** I2: the rows are the fold of the log. */
function checkProjection(events: readonly RunEvent[], row: StateRow, record: RecordRow | undefined): void {
  const state = fold(events);
  expect(row.state, 'run_state.state is the fold of the log').toEqual(asJson(state));
  expect([row.status, row.head, row.number, row.organization_id]).toEqual([
    state?.status,
    state?.head,
    state?.number,
    state?.organizationId,
  ]);
  expect(row.deadline_at).toBe(state?.finishedAt === null ? (state.limits.deadlineAt ?? null) : null);
  const folded = events.reduce<RunRecord>(
    (before, event) => ({ ...before, ...recordPatch(before, event) }),
    EMPTY_RECORD,
  );
  if (record === undefined) throw new Error('the run has no wide row');
  const { ended_by, error_code, secrets, ...columns } = record;
  expect({ ...columns, endedBy: ended_by }, 'the columns of runs are the fold of the log').toEqual(
    asJson(folded),
  );
  expect(error_code).toBe(folded.error?.code ?? null);
  if (isTerminal(row.status)) expect(secrets, 'secrets are dropped at the end').toBeNull();
}

/** A run that wants nothing is nobody's, and nobody is to come for it. */
function checkDispatch(row: StateRow): void {
  expect(row.claim === null, 'claim and executor stand together').toBe(row.executor_id === null);
  const isParked = isTerminal(row.status) || row.status === 'paused' || row.status === 'waiting';
  if (isParked) expect([row.claim, row.due_at], 'a parked run is nobody’s').toEqual([null, null]);
  else if (row.state.mode === 'managed') expect(row.due_at, 'a run that goes on is due').not.toBeNull();
}

/** I4: one row per wait, as the log says, closed at most once. */
function checkWaits(events: readonly RunEvent[], state: RunState, rows: readonly WaitRow[]): void {
  const opened = events.filter((event): event is EventOf<'wait.opened'> => event.type === 'wait.opened');
  expect(rows.map((row) => [row.id, row.opened_seq])).toEqual(
    opened.map((event) => [event.data.id, event.seq]),
  );
  for (const row of rows) {
    const closings = events.filter(isClosing).filter((event) => event.data.waitId === row.id);
    expect(closings.length, `wait ${row.id} is closed at most once`).toBeLessThanOrEqual(1);
    const [closing] = closings;
    const open = state.waits.find((wait) => wait.id === row.id);
    expect(row.state).toBe(closing === undefined ? 'open' : closing.type.slice('wait.'.length));
    expect(open === undefined, 'open in the state as in its row').toBe(closing !== undefined);
    expect(row.resolution).toEqual(closing === undefined ? null : asJson(closing.data.resolution));
    expect([row.deadline_at, row.remaining_ms, row.clock_stopped]).toEqual([
      open?.deadlineAt ?? null,
      open?.remainingMs ?? null,
      (open?.remainingMs ?? null) !== null,
    ]);
    if (open !== undefined) expect(row.assignee).toBe(open.assignee);
  }
}

type Closing = RunEvent & { type: `wait.${'resolved' | 'expired' | 'superseded' | 'cancelled'}` };

function isClosing(event: RunEvent): event is Closing {
  return ['wait.resolved', 'wait.expired', 'wait.superseded', 'wait.cancelled'].includes(event.type);
}

/** I6: a turn is answered once, and an attempt is begun once. */
function checkTurns(events: readonly RunEvent[]): void {
  const started = new Set<string>();
  const answered = new Set<number>();
  for (const event of events) {
    if (event.type === 'turn.started') {
      const { turn, attempt } = event.data;
      expect(answered.has(turn), `turn ${turn} is not begun after its answer`).toBe(false);
      expect(started.has(`${turn}/${attempt}`), `attempt ${turn}/${attempt} is begun once`).toBe(false);
      started.add(`${turn}/${attempt}`);
    }
    if (event.type === 'message.completed') {
      expect(answered.has(event.data.turn), `turn ${event.data.turn} is answered once`).toBe(false);
      answered.add(event.data.turn);
    }
  }
}

/** I6: a call has one result, is not started after it, and keeps its key. */
function checkCalls(events: readonly RunEvent[]): void {
  const done = new Set<string>();
  const keys = new Map<string, string>();
  for (const event of events) {
    switch (event.type) {
      case 'tool.started': {
        const { callId, idempotencyKey } = event.data;
        expect(done.has(callId), `${callId} is not started after its result`).toBe(false);
        expect(keys.get(callId) ?? idempotencyKey, `${callId} keeps its key`).toBe(idempotencyKey);
        keys.set(callId, idempotencyKey);
        break;
      }
      case 'tool.completed':
      case 'tool.failed':
      case 'tool.denied': {
        if (event.type !== 'tool.denied' && event.data.late === true) break;
        expect(done.has(event.data.callId), `${event.data.callId} has one result`).toBe(false);
        done.add(event.data.callId);
        break;
      }
      default:
    }
  }
}

function checkEnd(events: readonly RunEvent[]): void {
  let isOver = false;
  for (const event of events) {
    if (event.type === 'run.reopened') isOver = false;
    else if (isOver) {
      const isLate =
        (event.type === 'tool.completed' || event.type === 'tool.failed') && event.data.late === true;
      expect(isLate || AFTER_THE_END.has(event.type), `${event.type} after the end`).toBe(true);
    }
    if (event.type === 'run.succeeded' || event.type === 'run.failed' || event.type === 'run.cancelled')
      isOver = true;
  }
}

/** Nothing left without being in the log first, and no call went out oftener than the log says. */
function checkEffects(events: readonly RunEvent[], runId: string, effects: EffectTarget): void {
  const started = new Map<string, number>();
  for (const event of events) {
    if (event.type !== 'tool.started') continue;
    const { idempotencyKey } = event.data;
    started.set(idempotencyKey, (started.get(idempotencyKey) ?? 0) + 1);
  }
  for (const [key, times] of effects.byKey) {
    if (!key.startsWith(`${runId}:`)) continue;
    expect(times, `requests under ${key}`).toBeLessThanOrEqual(started.get(key) ?? 0);
  }
}

function asJson<T>(value: T): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
