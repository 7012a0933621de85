import {
  canonicalJson,
  isJsonObject,
  type Json,
  type JsonObject,
  type Mission,
  type PlanStep,
  type Run,
  type RunStatus,
} from '@fermata/protocol';
import { UNEXPLAINED_FAILURE } from '../../engine/record.ts';
import type { Page } from '../../engine/caller.ts';
import type { StoredRecord } from '../../engine/facade-accounts.ts';
import { givenInput } from './input.ts';
import type { AgentData, Meta, MissionData, RunData, StepData, WireRunStatus } from './wire.ts';

const WIRE_STATUS = {
  queued: 'pending',
  running: 'running',
  pausing: 'paused',
  paused: 'paused',
  waiting: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
} as const satisfies Record<RunStatus, WireRunStatus>;

/** Longest summary that is made of a result, characters. */
const SUMMARY_LENGTH = 500;

/** A run's status as this face shows it. */
export function wireStatus(status: RunStatus): WireRunStatus {
  return WIRE_STATUS[status];
}

/** The statuses that this face shows as `status`; none for one that it does not know. */
export function statusesOf(status: string): RunStatus[] {
  const all = Object.keys(WIRE_STATUS) as RunStatus[];
  return all.filter((one) => WIRE_STATUS[one] === status);
}

/** With microseconds, as the vendor writes times. */
export function wireTime(at: string): string {
  return at.replace(/(\.\d{3})Z$/, '$1000Z');
}

function timeOrNull(at: string | null): string | null {
  return at === null ? null : wireTime(at);
}

export function missionData(mission: Mission): MissionData {
  return {
    mission_id: mission.id,
    name: mission.name,
    description: mission.description,
    instructions: mission.instructions,
    model: mission.model,
    execution_mode: mission.mode,
    metadata: mission.metadata,
    created_at: wireTime(mission.createdAt),
    updated_at: wireTime(mission.updatedAt),
  };
}

/** `unassignedId`: the mission of runs without one. */
export function runData(run: Run, unassignedId: string): RunData {
  return {
    run_id: run.id,
    mission_id: run.missionId ?? unassignedId,
    status: wireStatus(run.status),
    input: givenInput(run),
    // The vendor's runs have begun when they are created.
    started_at: wireTime(run.createdAt),
    finished_at: timeOrNull(run.finishedAt),
    result_summary: run.summary ?? summaryOf(run.output),
    result_payload: payloadOf(run.output),
    error: errorOf(run),
    metadata: unlessEmpty(run.metadata),
    updated_at: wireTime(run.updatedAt),
  };
}

function summaryOf(output: Json | null): string | null {
  return typeof output === 'string' ? output.slice(0, SUMMARY_LENGTH).toWellFormed() : null;
}

function payloadOf(output: Json | null): JsonObject | null {
  if (output === null || isJsonObject(output)) return output;
  return { text: typeof output === 'string' ? output : canonicalJson(output) };
}

/** A failure that its client did not explain has no text of ours. */
function errorOf({ error }: Run): string | null {
  const isUnexplained =
    error?.code === UNEXPLAINED_FAILURE.code && error.message === UNEXPLAINED_FAILURE.message;
  return error === null || isUnexplained ? null : error.message;
}

function unlessEmpty(object: JsonObject): JsonObject | null {
  return Object.keys(object).length === 0 ? null : object;
}

export function stepData(runId: string, step: PlanStep): StepData {
  return {
    step_id: step.id,
    run_id: runId,
    sequence: step.sequence,
    description: step.description,
    status: step.status,
    parent_step_id: step.parentStepId,
    metadata: unlessEmpty(step.metadata),
    started_at: timeOrNull(step.startedAt),
    completed_at: timeOrNull(step.completedAt),
  };
}

export function agentData(runId: string, link: StoredRecord): AgentData {
  return { run_id: runId, telnyx_agent_id: link.id, created_at: wireTime(link.createdAt) };
}

/** An object without a schema: what was given, and what the server knows of it. */
export function objectData(missionId: string, idName: string, record: StoredRecord): JsonObject {
  return {
    ...record.data,
    id: record.id,
    [idName]: record.id,
    mission_id: missionId,
    created_at: wireTime(record.createdAt),
    updated_at: wireTime(record.updatedAt),
  };
}

export interface PageQuery {
  'page[number]': number;
  'page[size]': number;
}

/** The engine's page for one of the wire; numbers beyond what can be counted are far behind the end. */
export function pageOf(query: PageQuery): { offset: number; limit: number; total: true } {
  const { 'page[number]': number, 'page[size]': limit } = query;
  return { offset: Math.min((number - 1) * limit, Number.MAX_SAFE_INTEGER), limit, total: true };
}

/** The SDK's pager asks for ever when a number is missing or is a string. */
export function metaOf(page: Page<unknown>, query: PageQuery): Meta {
  const { 'page[number]': number, 'page[size]': size } = query;
  const total = page.total ?? 0;
  return {
    total_pages: Math.ceil(total / size),
    total_results: total,
    page_number: number,
    page_size: size,
  };
}
