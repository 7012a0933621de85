import type { Actor, Json, JsonObject, Run, RunAgent, RunError, RunMode, RunOrigin } from '@fermata/protocol';
import { isActive } from '../engine/apply.ts';
import type { RunState } from '../engine/state.ts';
import { openWaitsOf } from '../engine/tree.ts';

/** A row of `runs`: what is wide and seldom changes. */
export interface RunRecordRow {
  id: string;
  number: number;
  organization_id: number;
  key: string | null;
  created_by: Actor;
  mode: RunMode;
  kind: string;
  origin: RunOrigin;
  agent: RunAgent | null;
  flow: JsonObject | null;
  flow_id: string | null;
  title: string | null;
  session_id: string | null;
  mission_id: string | null;
  parent_id: string | null;
  forked_from: { runId: string; seq: number } | null;
  input: Json | null;
  output: Json | null;
  summary: string | null;
  error: RunError | null;
  ended_by: { actor: Actor; reason: string | null } | null;
  metadata: JsonObject;
  face: JsonObject | null;
  start_at: string | null;
  created_at: string;
}

/** With the `state` of its `run_state`. */
export interface RunRow extends RunRecordRow {
  state: RunState;
}

/** The columns of a `RunRow`, where `runs` is `r` and `run_state` is `s`. */
export const RUN_COLUMNS = `r.id, r.number, r.organization_id, r.key, r.created_by, r.mode, r.kind, r.origin, r.agent,
  r.flow, r.flow_id, r.title, r.session_id, r.mission_id, r.parent_id, r.forked_from, r.input, r.output, r.summary,
  r.error, r.ended_by, r.metadata, r.face, r.start_at, r.created_at, s.state`;

/** The one place where a run is put together: what is wide from its row, all else from the fold of its log. */
export function runFromRow(row: RunRow): Run {
  const { state } = row;
  const { activeMs: _activeMs, ...usage } = state.usage;
  return {
    id: row.id,
    number: row.number,
    key: row.key,
    organizationId: row.organization_id,
    createdBy: row.created_by,
    status: state.status,
    statusSince: state.statusSince,
    mode: row.mode,
    kind: row.kind,
    origin: row.origin,
    agent: row.agent === null ? null : agentOf(row.agent),
    flow: row.flow === null ? null : { id: row.flow_id, name: nameOf(row.flow) },
    title: row.title,
    sessionId: row.session_id,
    missionId: row.mission_id,
    parentId: row.parent_id,
    forkedFrom: row.forked_from,
    input: row.input,
    output: row.output,
    summary: row.summary,
    error: row.error,
    endedBy: row.ended_by,
    holds: state.holds,
    openWaits: openWaitsOf(state),
    sealed: state.sealed,
    checkpoint: state.checkpoint,
    head: state.head,
    turn: state.turn.number,
    usage: { ...usage, activeSeconds: Math.round(activeMs(state) / 1000) },
    limits: state.limits,
    metadata: row.metadata,
    face: row.face,
    startAt: row.start_at,
    createdAt: row.created_at,
    startedAt: state.startedAt,
    updatedAt: state.at,
    finishedAt: state.finishedAt,
  };
}

/** With the time in the present status, up to the last event: the same row gives the same run. */
function activeMs(state: RunState): number {
  const sinceMs = isActive(state.status) ? Date.parse(state.at) - Date.parse(state.statusSince) : 0;
  return state.usage.activeMs + Math.max(0, sinceMs);
}

function agentOf(agent: RunAgent): Run['agent'] {
  return { id: agent.id, name: agent.name, model: agent.model, version: agent.version };
}

function nameOf(flow: JsonObject): string {
  return typeof flow['name'] === 'string' ? flow['name'] : 'flow';
}
