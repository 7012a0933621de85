import type { NewRun } from '../engine/new-run.ts';
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
