import type { Resolution, Wait, WaitKind, WaitState } from '@fermata/protocol';

/** What of a wait is shown to a person and never changes. */
export type FixedWaitBody = Pick<
  Wait,
  'prompt' | 'args' | 'digest' | 'schema' | 'childRunId' | 'approvers' | 'deadline' | 'onExpire'
>;

/** A row of `waits`. */
export interface WaitRow {
  id: string;
  run_id: string;
  kind: WaitKind;
  state: WaitState;
  call_id: string | null;
  tool: string | null;
  assignee: string | null;
  body: FixedWaitBody;
  deadline_at: string | null;
  clock_stopped: boolean;
  remaining_ms: number | null;
  snoozed_until: string | null;
  opened_at: string;
  resolution: Resolution | null;
}

export const WAIT_COLUMNS = `id, run_id, kind, state, call_id, tool, assignee, body, deadline_at, clock_stopped,
  remaining_ms, snoozed_until, opened_at, resolution`;

/** A wait as replies show it. */
export function waitFromRow(row: WaitRow): Wait {
  const { prompt, args, digest, schema, childRunId, approvers, deadline, onExpire } = row.body;
  return {
    id: row.id,
    kind: row.kind,
    prompt,
    callId: row.call_id,
    tool: row.tool,
    args,
    digest,
    schema,
    childRunId,
    approvers,
    assignee: row.assignee,
    deadline,
    deadlineAt: row.deadline_at,
    onExpire,
    runId: row.run_id,
    state: row.state,
    clockStopped: row.clock_stopped,
    remainingSeconds: row.remaining_ms === null ? null : Math.round(row.remaining_ms / 1000),
    snoozedUntil: row.snoozed_until,
    openedAt: row.opened_at,
    resolution: row.resolution,
  };
}
