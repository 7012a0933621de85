import {
  isJsonObject,
  type Json,
  type JsonObject,
  type Run,
  type RunAgent,
  type RunMode,
} from '@fermata/protocol';
import type { RunDefinition, RunReads } from '../engine/ports.ts';
import { createBatchedRead } from './batched-read.ts';
import { isRowNumber, isStorable, isUuid } from './condition.ts';
import type { Pool } from './pool.ts';
import { listRuns } from './run-list.ts';
import { RUN_COLUMNS, runFromRow, type RunRow } from './run-row.ts';
import type { Fragment, Sql } from './sql.ts';

/** Reads of runs. Every one is one statement. */
export function createRunReads(pool: Pool): RunReads {
  return {
    async byId(organizationId, runId) {
      if (!isUuid(runId)) return null;
      return first(
        await pool.read((sql) => select(sql, sql`r.organization_id = ${organizationId} and r.id = ${runId}`)),
      );
    },
    async byNumber(organizationId, number) {
      if (!isRowNumber(number)) return null;
      const rows = await pool.read((sql) =>
        select(sql, sql`r.organization_id = ${organizationId} and r.number = ${number}`),
      );
      return first(rows);
    },
    async byKey(organizationId, key) {
      if (!isStorable(key)) return null;
      return first(
        await pool.read((sql) => select(sql, sql`r.organization_id = ${organizationId} and r.key = ${key}`)),
      );
    },
    list: (organizationId, query) => pool.read((sql) => listRuns(sql, organizationId, query)),
    definition: createBatchedRead((runIds) => pool.read((sql) => readDefinitions(sql, runIds)), 500),
  };
}

function select(sql: Sql, condition: Fragment): PromiseLike<RunRow[]> {
  return sql<
    RunRow[]
  >`select ${sql.unsafe(RUN_COLUMNS)} from runs r join run_state s on s.run_id = r.id where ${condition}`;
}

function first(rows: readonly RunRow[]): Run | null {
  return rows[0] === undefined ? null : runFromRow(rows[0]);
}

interface DefinitionRow {
  id: string;
  number: number;
  organization_id: number;
  mode: RunMode;
  kind: string;
  agent: RunAgent | null;
  flow: JsonObject | null;
  input: Json | null;
  session_id: string | null;
  parent: RunDefinition['parent'];
  secrets: string | null;
  traceparent: string | null;
}

async function readDefinitions(sql: Sql, runIds: readonly string[]): Promise<(RunDefinition | null)[]> {
  const rows = await sql<
    DefinitionRow[]
  >`select id, number, organization_id, mode, kind, agent, flow, input, session_id,
    parent, secrets, traceparent from runs where id = any(${runIds.filter(isUuid)}::uuid[])`;
  const definitions = new Map(rows.map((row) => [row.id, definitionFromRow(row)]));
  return runIds.map((runId) => definitions.get(runId) ?? null);
}

function definitionFromRow(row: DefinitionRow): RunDefinition {
  return {
    runId: row.id,
    number: row.number,
    organizationId: row.organization_id,
    mode: row.mode,
    kind: row.kind,
    agent: row.agent,
    flow: isJsonObject(row.flow) ? row.flow : null,
    input: row.input,
    sessionId: row.session_id,
    parent: row.parent,
    secrets: row.secrets,
    traceparent: row.traceparent,
  };
}
