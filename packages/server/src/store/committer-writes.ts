import {
  MAX_EVENT_BYTES,
  type Resolution,
  type Role,
  type RunEvent,
  type Wait,
  type WaitBody,
} from '@fermata/protocol';
import type { NewRun } from '../engine/new-run.ts';
import type { Dispatch } from '../engine/dispatch.ts';
import { EngineError } from '../engine/errors.ts';
import type { RunRecord } from '../engine/record.ts';
import type { RunState } from '../engine/state.ts';
import { jsonArray, plainArray } from './array-literal.ts';
import { writeHolds, type HoldsWrite } from './committer-holds.ts';
import { writeUsage, type UsageWrites } from './committer-usage.ts';
import { allSettledOrThrow } from './pipelined.ts';
import { newRecord } from './new-record.ts';
import { deleteOutbox, insertOutbox, type OutboxWrite } from './outbox.ts';
import type { Fragment, Sql } from './sql.ts';
import type { FixedWaitBody } from './waits.ts';
import { insertRunWebhooks, type RunWebhookRow } from './webhooks.ts';

export interface PlacedEvent {
  event: RunEvent;
  /** JSON text of the data. */
  json: string;
}

/** What one batch writes, all runs together. */
export interface BatchWrites {
  events: PlacedEvent[];
  created: { run: NewRun; number: number; state: RunState; dispatch: Dispatch; at: string }[];
  changed: Map<string, { state: RunState; dispatch: Dispatch }>;
  records: Map<string, Partial<RunRecord>>;
  /** Runs whose secrets are dropped, because they have ended. */
  ended: Set<string>;
  opened: {
    body: WaitBody;
    runId: string;
    organizationId: number;
    at: string;
    seq: number;
    clockStopped: boolean;
    deadlineAt: string | null;
    remainingMs: number | null;
  }[];
  closed: { id: string; runId: string; state: Wait['state']; resolution: Resolution }[];
  /** Open waits whose clock, assignee or snooze has changed. */
  moved: {
    id: string;
    deadlineAt: string | null;
    remainingMs: number | null;
    stopped: boolean;
    assignee: string | null;
    snoozedUntil: string | null;
  }[];
  early: {
    runId: string;
    callId: string;
    kind: string;
    seq: number;
    json: string;
    by: string;
    role: Role;
    via: string;
    at: string;
  }[];
  keys: { runId: string; kind: string; key: string; seq: number }[];
  replies: { scope: string; fingerprint: string; status: number; body: string }[];
  jobs: { runId: string; epoch: number; attempts: number; runAt: string }[];
  blobs: { organizationId: number; digest: string; runId: string }[];
  /** Left for other runs. */
  outbox: OutboxWrite[];
  /** Outbox rows that were applied, or refused. */
  delivered: number[];
  holds: HoldsWrite[];
  usage: UsageWrites;
  /** Of runs that are created. */
  webhooks: RunWebhookRow[];
  /** Events that webhooks may want. */
  announced: AnnouncedEvent[];
}

export interface AnnouncedEvent {
  organizationId: number;
  runId: string;
  seq: number;
  type: string;
}

/** The event with its JSON text; one that is too large refuses its request, not the batch. */
export function placeEvent(event: RunEvent): PlacedEvent {
  const json = JSON.stringify(event.data);
  if (json.length * 3 > MAX_EVENT_BYTES && Buffer.byteLength(json) > MAX_EVENT_BYTES) {
    throw new EngineError('payload_too_large', `an event holds at most ${MAX_EVENT_BYTES} bytes`);
  }
  return { event, json };
}

export function emptyWrites(): BatchWrites {
  return {
    events: [],
    created: [],
    changed: new Map(),
    records: new Map(),
    ended: new Set(),
    opened: [],
    closed: [],
    moved: [],
    early: [],
    keys: [],
    replies: [],
    jobs: [],
    blobs: [],
    outbox: [],
    delivered: [],
    holds: [],
    usage: new Map(),
    webhooks: [],
    announced: [],
  };
}

/** Adds `drive` jobs to the same transaction; given by `jobs/`. */
export type AddDriveJobs = (jobs: BatchWrites['jobs']) => { text: string; values: [string] } | null;
/** Adds a job for each event that a webhook wants; given by `jobs/`. */
export type AnnounceEvents = (events: readonly AnnouncedEvent[]) => { text: string; values: [string] } | null;

export interface BatchPorts {
  addJobs: AddDriveJobs;
  announce: AnnounceEvents;
  committerId: string;
}

/**
 * Round trip two: everything set-based, and COMMIT. Resolves with the command tag of the COMMIT: a COMMIT that was
 * pipelined behind a failed statement succeeds with `ROLLBACK`.
 */
export async function writeBatch(
  sql: Sql,
  writes: BatchWrites,
  { addJobs, announce, committerId }: BatchPorts,
): Promise<string> {
  const statements: PromiseLike<unknown>[] = [];
  if (writes.created.length > 0) statements.push(...insertRuns(sql, writes.created));
  statements.push(...appendEvents(sql, writes));
  for (const [runId, patch] of writes.records) statements.push(updateRecord(sql, runId, patch));
  if (writes.ended.size > 0) {
    statements.push(sql`
      update runs set secrets = null where id = any(${[...writes.ended]}::uuid[]) and secrets is not null`);
  }
  if (writes.opened.length > 0) statements.push(insertWaits(sql, writes.opened));
  if (writes.moved.length > 0) statements.push(moveWaits(sql, writes.moved));
  if (writes.closed.length > 0) statements.push(closeWaits(sql, writes.closed));
  if (writes.early.length > 0) statements.push(insertEarly(sql, writes.early));
  if (writes.keys.length > 0) statements.push(insertKeys(sql, writes.keys));
  if (writes.replies.length > 0) statements.push(insertReplies(sql, writes.replies));
  if (writes.blobs.length > 0) statements.push(insertBlobReferences(sql, writes.blobs));
  if (writes.outbox.length > 0) statements.push(insertOutbox(sql, writes.outbox));
  if (writes.delivered.length > 0) statements.push(deleteOutbox(sql, writes.delivered));
  if (writes.holds.length > 0) statements.push(...writeHolds(sql, writes.holds));
  if (writes.usage.size > 0) statements.push(writeUsage(sql, writes.usage, committerId));
  const jobs = addJobs(writes.jobs);
  if (jobs !== null) statements.push(sql.unsafe(jobs.text, jobs.values, { prepare: true }));
  if (writes.webhooks.length > 0) statements.push(insertRunWebhooks(sql, writes.webhooks));
  // After the webhooks of new runs: it looks for them.
  const announced = announce(writes.announced);
  if (announced !== null) statements.push(sql.unsafe(announced.text, announced.values, { prepare: true }));
  const commit = sql`commit`;
  const results = await allSettledOrThrow([...statements, commit]);
  const last = results.at(-1) as { command?: string } | undefined;
  return last?.command ?? '';
}

/** Nearly every batch does both, and a statement less is a tenth of a lone commit. */
function appendEvents(sql: Sql, { events, changed }: BatchWrites): PromiseLike<unknown>[] {
  if (changed.size === 0) return events.length === 0 ? [] : [insertEvents(sql, events)];
  const update = updateStates(sql, changed);
  return [events.length === 0 ? update : sql`with appended as (${insertEvents(sql, events)}) ${update}`];
}

export function insertEvents(sql: Sql, events: readonly PlacedEvent[]): Fragment {
  return sql`
    insert into events (run_id, seq, type, at, v, data)
    select run_id, seq, type, at, v, data::json from unnest(
      ${plainArray(events.map(({ event }) => event.runId))}::uuid[],
      ${plainArray(events.map(({ event }) => event.seq))}::int[],
      ${plainArray(events.map(({ event }) => event.type))}::text[],
      ${plainArray(events.map(({ event }) => event.at))}::timestamptz[],
      ${plainArray(events.map(({ event }) => event.v))}::smallint[],
      ${jsonArray(events.map(({ json }) => json))}::text[]
    ) as e (run_id, seq, type, at, v, data)`;
}

function updateStates(sql: Sql, changed: BatchWrites['changed']): Fragment {
  const rows = [...changed];
  return sql`
    update run_state set status = u.status, head = u.head, state = u.state::json, deadline_at = u.deadline_at,
      epoch = u.epoch, claim = u.claim, executor_id = u.executor_id, attempts = u.attempts, due_at = u.due_at
    from unnest(
      ${plainArray(rows.map(([runId]) => runId))}::uuid[],
      ${plainArray(rows.map(([, { state }]) => state.status))}::text[],
      ${plainArray(rows.map(([, { state }]) => state.head))}::int[],
      ${jsonArray(rows.map(([, { state }]) => JSON.stringify(state)))}::text[],
      ${plainArray(rows.map(([, { state }]) => deadlineOf(state)))}::timestamptz[],
      ${plainArray(rows.map(([, { dispatch }]) => dispatch.epoch))}::int[],
      ${plainArray(rows.map(([, { dispatch }]) => dispatch.claim))}::text[],
      ${plainArray(rows.map(([, { dispatch }]) => dispatch.executorId))}::uuid[],
      ${plainArray(rows.map(([, { dispatch }]) => dispatch.attempts))}::smallint[],
      ${plainArray(rows.map(([, { dispatch }]) => dispatch.dueAt))}::timestamptz[]
    ) as u (run_id, status, head, state, deadline_at, epoch, claim, executor_id, attempts, due_at)
    where run_state.run_id = u.run_id`;
}

/** When the sweep must look at the run; not while a budget hold says already that the time is up. */
function deadlineOf(state: RunState): string | null {
  if (state.finishedAt !== null || state.holds.some((hold) => hold.name === 'budget')) return null;
  return state.limits.deadlineAt ?? null;
}

export function insertRuns(sql: Sql, created: BatchWrites['created']): PromiseLike<unknown>[] {
  const runs = created.map(({ run, number, at }) => ({
    ...newRecord(run, number, at),
    agent_id: run.created.agent?.id ?? null,
    parent: run.created.parent,
    secrets: run.secrets,
    traceparent: run.created.traceparent,
  }));
  const states = created.map(({ run, number, state, dispatch }) => ({
    run_id: run.runId,
    organization_id: state.organizationId,
    number,
    status: state.status,
    head: state.head,
    state,
    deadline_at: deadlineOf(state),
    epoch: dispatch.epoch,
    claim: dispatch.claim,
    executor_id: dispatch.executorId,
    attempts: dispatch.attempts,
    due_at: dispatch.dueAt,
  }));
  // One JSON text for all rows: a run is wide, and its rows come one at a time as a rule.
  return [
    sql`insert into runs select * from json_populate_recordset(null::runs, ${JSON.stringify(runs)}::json)`,
    sql`insert into run_state select * from json_populate_recordset(null::run_state, ${JSON.stringify(states)}::json)`,
  ];
}

function updateRecord(sql: Sql, runId: string, patch: Partial<RunRecord>): PromiseLike<unknown> {
  const columns: Record<string, string | null> = {};
  if (patch.title !== undefined) columns['title'] = patch.title;
  if (patch.metadata !== undefined) columns['metadata'] = JSON.stringify(patch.metadata);
  if (patch.output !== undefined)
    columns['output'] = patch.output === null ? null : JSON.stringify(patch.output);
  if (patch.summary !== undefined) columns['summary'] = patch.summary;
  if (patch.error !== undefined) {
    columns['error'] = patch.error === null ? null : JSON.stringify(patch.error);
    columns['error_code'] = patch.error?.code ?? null;
  }
  if (patch.endedBy !== undefined)
    columns['ended_by'] = patch.endedBy === null ? null : JSON.stringify(patch.endedBy);
  return sql`update runs set ${sql(columns)} where id = ${runId}`;
}

function insertWaits(sql: Sql, opened: BatchWrites['opened']): PromiseLike<unknown> {
  const rows = opened.map((wait) => ({
    id: wait.body.id,
    run_id: wait.runId,
    organization_id: wait.organizationId,
    kind: wait.body.kind,
    state: 'open',
    call_id: wait.body.callId,
    tool: wait.body.tool,
    assignee: wait.body.assignee,
    body: fixedBody(wait.body),
    deadline_at: wait.deadlineAt,
    clock_stopped: wait.clockStopped,
    remaining_ms: wait.remainingMs,
    opened_at: wait.at,
    opened_seq: wait.seq,
  }));
  return sql`
    insert into waits
    select * from json_populate_recordset(null::waits, ${JSON.stringify(rows)}::json)`;
}

function fixedBody(body: WaitBody): FixedWaitBody {
  const { prompt, args, digest, schema, childRunId, approvers, policy, deadline, onExpire } = body;
  return { prompt, args, digest, schema, childRunId, approvers, policy, deadline, onExpire };
}

function moveWaits(sql: Sql, moved: BatchWrites['moved']): PromiseLike<unknown> {
  return sql`
    update waits set deadline_at = u.deadline_at, remaining_ms = u.remaining_ms, clock_stopped = u.stopped,
      assignee = u.assignee, snoozed_until = u.snoozed_until
    from unnest(
      ${moved.map((wait) => wait.id)}::text[],
      ${moved.map((wait) => wait.deadlineAt)}::timestamptz[],
      ${moved.map((wait) => wait.remainingMs)}::bigint[],
      ${plainArray(moved.map((wait) => wait.stopped))}::boolean[],
      ${moved.map((wait) => wait.assignee)}::text[],
      ${moved.map((wait) => wait.snoozedUntil)}::timestamptz[]
    ) as u (id, deadline_at, remaining_ms, stopped, assignee, snoozed_until)
    where waits.id = u.id`;
}

// The run is named too: the log of a fork closes the waits of its original, whose rows are not the fork's.
function closeWaits(sql: Sql, closed: BatchWrites['closed']): PromiseLike<unknown> {
  return sql`
    update waits set state = u.state, resolution = u.resolution::json, closed_at = u.at, deadline_at = null,
      remaining_ms = null, clock_stopped = false
    from unnest(
      ${closed.map((wait) => wait.id)}::text[],
      ${plainArray(closed.map((wait) => wait.runId))}::uuid[],
      ${closed.map((wait) => wait.state)}::text[],
      ${closed.map((wait) => JSON.stringify(wait.resolution))}::text[],
      ${closed.map((wait) => wait.resolution.at)}::timestamptz[]
    ) as u (id, run_id, state, resolution, at)
    where waits.id = u.id and waits.run_id = u.run_id and waits.state = 'open'`;
}

function insertEarly(sql: Sql, early: BatchWrites['early']): PromiseLike<unknown> {
  const rows = early.map((item) => ({
    run_id: item.runId,
    call_id: item.callId,
    kind: item.kind,
    seq: item.seq,
    answer: JSON.parse(item.json) as unknown,
    by: JSON.parse(item.by) as unknown,
    role: item.role,
    via: item.via,
    at: item.at,
  }));
  return sql`
    insert into early_answers
    select * from json_populate_recordset(null::early_answers, ${JSON.stringify(rows)}::json)`;
}

function insertKeys(sql: Sql, keys: BatchWrites['keys']): PromiseLike<unknown> {
  return sql`
    insert into run_keys (run_id, kind, key, seq)
    select * from unnest(${keys.map((item) => item.runId)}::uuid[], ${keys.map((item) => item.kind)}::text[],
      ${keys.map((item) => item.key)}::text[], ${keys.map((item) => item.seq)}::int[])`;
}

function insertReplies(sql: Sql, replies: BatchWrites['replies']): PromiseLike<unknown> {
  return sql`
    insert into replies (scope, fingerprint, status, body, expires_at)
    select decode(scope, 'hex'), decode(fingerprint, 'hex'), status, body, now() + interval '24 hours'
    from unnest(${replies.map((item) => item.scope)}::text[], ${replies.map((item) => item.fingerprint)}::text[],
      ${replies.map((item) => item.status)}::smallint[], ${replies.map((item) => item.body)}::text[])
      as r (scope, fingerprint, status, body)
    on conflict (scope) do update set fingerprint = excluded.fingerprint, status = excluded.status,
      body = excluded.body, expires_at = excluded.expires_at`;
}

function insertBlobReferences(sql: Sql, blobs: BatchWrites['blobs']): PromiseLike<unknown> {
  return sql`
    insert into blob_references (organization_id, digest, run_id)
    select organization_id, decode(digest, 'hex'), run_id
    from unnest(${blobs.map((blob) => blob.organizationId)}::int[], ${blobs.map((blob) => blob.digest)}::text[],
      ${blobs.map((blob) => blob.runId)}::uuid[]) as b (organization_id, digest, run_id)
    on conflict do nothing`;
}
