import { EVENT_VERSION, type RunEvent } from '@fermata/protocol';
import { apply } from '../engine/apply.ts';
import type { NewRun } from '../engine/new-run.ts';
import type { RunState } from '../engine/state.ts';
import type { RunRecordRow } from './run-row.ts';

/** The row of `runs` of a run that is being created. */
export function newRecord({ runId, created }: NewRun, number: number, at: string): RunRecordRow {
  return {
    id: runId,
    number,
    organization_id: created.organizationId,
    key: created.key,
    created_by: created.by,
    mode: created.mode,
    kind: created.kind,
    origin: created.origin,
    agent: created.agent,
    flow: created.flow,
    flow_id: typeof created.flow?.['id'] === 'string' ? created.flow['id'] : null,
    title: created.title,
    session_id: created.sessionId,
    mission_id: created.missionId,
    parent_id: created.parent?.runId ?? null,
    forked_from: created.forkedFrom,
    input: created.input,
    output: null,
    summary: null,
    error: null,
    ended_by: null,
    metadata: created.metadata,
    face: created.face,
    start_at: created.startAt,
    created_at: at,
  };
}

/** What a new run's log begins with: its creation, and what it takes over from its session. */
export function createdEvents(
  { runId, created, history = [] }: NewRun,
  number: number,
  at: string,
): RunEvent[] {
  return [
    { runId, seq: 1, type: 'run.created', at, v: EVENT_VERSION, data: { ...created, number } },
    ...history.map((data, index): RunEvent => ({
      runId,
      seq: index + 2,
      type: 'message.received',
      at,
      v: EVENT_VERSION,
      data,
    })),
  ];
}

/** The state that these events bring about. */
export function foldCreated([created, ...rest]: readonly RunEvent[]): RunState {
  if (created === undefined) throw new Error('a new run has no events');
  return rest.reduce((state, event) => apply(state, event), apply(null, created));
}
