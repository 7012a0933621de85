import { isTerminal, type RunEvent, type Wait } from '@fermata/protocol';
import type { EarlyAnswer } from '../engine/commands.ts';
import type { Dispatch } from '../engine/dispatch.ts';
import { WEBHOOK_EVENTS } from '../engine/facade-webhooks.ts';
import { withPlanEvent, type Plan } from '../engine/plan.ts';
import { recordPatch } from '../engine/record.ts';
import type { RunState } from '../engine/state.ts';
import { closedFrom, type WaitFact } from './committer-reads.ts';
import type { BatchWrites, PlacedEvent } from './committer-writes.ts';
import type { RunRecordRow } from './run-row.ts';

/** One run within a batch: later requests see what earlier ones decided. */
export interface Working {
  organizationId: number;
  /** As the batch found it; null for a run that it has created. */
  before: RunState | null;
  state: RunState;
  dispatch: Dispatch;
  record: RunRecordRow | null;
  waits: WaitFact[];
  early: EarlyAnswer[];
  known: Map<string, number>;
  /** Complete only when a command of the batch changes the plan. */
  plan: Plan;
  changed: boolean;
}

/** What the events mean for the other tables. */
export function projectEvents(writes: BatchWrites, run: Working, placed: readonly PlacedEvent[]): void {
  const { runId } = run.state;
  for (const { event } of placed) {
    projectRecord(writes, run, event);
    switch (event.type) {
      case 'wait.opened': {
        const open = run.state.waits.find((wait) => wait.id === event.data.id);
        writes.opened.push({
          body: event.data,
          runId,
          organizationId: run.organizationId,
          at: event.at,
          seq: event.seq,
          clockStopped: (open?.remainingMs ?? null) !== null,
          deadlineAt: open === undefined ? event.data.deadlineAt : open.deadlineAt,
          remainingMs: open?.remainingMs ?? null,
        });
        run.waits.push({ runId, wait: openedWait(runId, event), closed: null });
        break;
      }
      case 'wait.resolved':
      case 'wait.expired':
      case 'wait.superseded':
      case 'wait.cancelled':
        closeWait(writes, run, event);
        break;
      case 'wait.answered_early': {
        const { callId, answer, via, early } = event.data;
        const { kind, by, at, role = 'operator' } = early;
        run.early.push({ callId, kind, answer, by, role, via, at });
        writes.early.push({
          runId,
          callId,
          kind,
          seq: event.seq,
          json: JSON.stringify(answer),
          by: JSON.stringify(by),
          role,
          via,
          at,
        });
        break;
      }
      case 'wait.assigned':
      case 'wait.snoozed':
      case 'wait.escalated':
      case 'hold.placed':
      case 'hold.released':
        moveWaits(writes, run, event);
        break;
      case 'message.received':
        if (event.data.messageId !== null) noteKey(writes, run, 'message', event.data.messageId, event.seq);
        break;
      case 'note.logged':
        if (event.data.key !== null) noteKey(writes, run, 'note', event.data.key, event.seq);
        break;
      case 'plan.created':
      case 'plan.steps_added':
      case 'plan.step_updated':
        run.plan = withPlanEvent(run.plan, event);
        break;
      default:
    }
  }
}

function projectRecord(writes: BatchWrites, run: Working, event: RunEvent): void {
  const { runId } = run.state;
  const patch = recordPatch({ metadata: run.record?.metadata ?? {} }, event);
  if (isTerminal(run.state.status)) writes.ended.add(runId);
  if (patch === null) return;
  writes.records.set(runId, { ...writes.records.get(runId), ...patch });
  if (run.record === null) return;
  run.record = {
    ...run.record,
    ...(patch.title === undefined ? {} : { title: patch.title }),
    ...(patch.metadata === undefined ? {} : { metadata: patch.metadata }),
    ...(patch.output === undefined ? {} : { output: patch.output }),
    ...(patch.summary === undefined ? {} : { summary: patch.summary }),
    ...(patch.error === undefined ? {} : { error: patch.error }),
    ...(patch.endedBy === undefined ? {} : { ended_by: patch.endedBy }),
  };
}

function closeWait(
  writes: BatchWrites,
  run: Working,
  event: RunEvent & { type: `wait.${'resolved' | 'expired' | 'superseded' | 'cancelled'}` },
): void {
  const { waitId, callId, resolution } = event.data;
  const state = event.type.slice('wait.'.length) as 'resolved' | 'expired' | 'superseded' | 'cancelled';
  writes.closed.push({ id: waitId, runId: run.state.runId, state, resolution });
  const fact = run.waits.find((known) => known.wait.id === waitId);
  if (fact === undefined) return;
  fact.wait = {
    ...fact.wait,
    state,
    resolution,
    deadlineAt: null,
    clockStopped: false,
    remainingSeconds: null,
  };
  fact.closed = closedFrom({ id: waitId, kind: fact.wait.kind, callId }, resolution);
}

function moveWaits(writes: BatchWrites, run: Working, event: RunEvent): void {
  for (const wait of run.state.waits) {
    const fact = run.waits.find((known) => known.wait.id === wait.id);
    const snoozedUntil =
      event.type === 'wait.snoozed' && event.data.waitId === wait.id
        ? event.data.until
        : (fact?.wait.snoozedUntil ?? null);
    const stopped = wait.remainingMs !== null;
    const row = {
      id: wait.id,
      deadlineAt: wait.deadlineAt,
      remainingMs: wait.remainingMs,
      stopped,
      assignee: wait.assignee,
      snoozedUntil,
    };
    writes.moved = [...writes.moved.filter((moved) => moved.id !== wait.id), row];
    if (fact === undefined) continue;
    const remainingSeconds = wait.remainingMs === null ? null : Math.round(wait.remainingMs / 1000);
    fact.wait = {
      ...fact.wait,
      deadlineAt: wait.deadlineAt,
      clockStopped: stopped,
      remainingSeconds,
      assignee: wait.assignee,
      snoozedUntil,
    };
  }
}

function noteKey(
  writes: BatchWrites,
  run: Working,
  kind: 'message' | 'note',
  key: string,
  seq: number,
): void {
  run.known.set(`${kind}:${key}`, seq);
  writes.keys.push({ runId: run.state.runId, kind, key, seq });
}

/** Waits that the server resolves by itself concern nobody outside. */
const OWN_WAITS: ReadonlySet<string> = new Set(['timer', 'run']);

/** Notes the events that webhooks may want. */
export function noteAnnounced(
  writes: BatchWrites,
  organizationId: number,
  placed: readonly PlacedEvent[],
): void {
  for (const { event } of placed) {
    const { runId, seq, type } = event;
    if (!ANNOUNCED.has(type) || (event.type === 'wait.opened' && OWN_WAITS.has(event.data.kind))) continue;
    writes.announced.push({ organizationId, runId, seq, type });
  }
}

const ANNOUNCED: ReadonlySet<string> = new Set(WEBHOOK_EVENTS);

export function noteBlobs(writes: BatchWrites, organizationId: number, placed: readonly PlacedEvent[]): void {
  for (const { event, json } of placed) {
    if (!json.includes('blob:sha256-')) continue;
    for (const [, digest] of json.matchAll(/blob:sha256-([0-9a-f]{64})/g)) {
      if (digest !== undefined) writes.blobs.push({ organizationId, digest, runId: event.runId });
    }
  }
}

function openedWait(runId: string, event: RunEvent & { type: 'wait.opened' }): Wait {
  return {
    ...event.data,
    runId,
    state: 'open',
    clockStopped: false,
    remainingSeconds: null,
    snoozedUntil: null,
    openedAt: event.at,
    resolution: null,
  };
}
