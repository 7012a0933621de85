import { isJsonObject, type Json, type JsonObject, type RunAgent, type RunMode } from '@fermata/protocol';
import type { Page, RunQuery } from '../engine/facade.ts';
import type { RunDefinition, RunReads } from '../engine/ports.ts';
import { allOf, containsPattern, isRowNumber, isStorable, isUuid } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import type { Pool } from './pool.ts';
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
    definition: (runId) => pool.read((sql) => readDefinition(sql, runId)),
  };
}

function select(sql: Sql, condition: Fragment): PromiseLike<RunRow[]> {
  return sql<
    RunRow[]
  >`select ${sql.unsafe(RUN_COLUMNS)} from runs r join run_state s on s.run_id = r.id where ${condition}`;
}

function first(rows: readonly RunRow[]): ReturnType<typeof runFromRow> | null {
  return rows[0] === undefined ? null : runFromRow(rows[0]);
}

async function listRuns(
  sql: Sql,
  organizationId: number,
  query: RunQuery,
): Promise<Page<ReturnType<typeof runFromRow>>> {
  const [after] = decodeCursor('runs', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  const conditions = conditionsOf(sql, organizationId, query);
  if (conditions === null)
    return { data: [], nextCursor: null, ...(query.total === true ? { total: 0 } : {}) };
  const filter = allOf(sql, conditions);
  const ascending = query.order === 'asc';
  // The order and the cursor stand on the table whose index serves the filter, or the planner sorts all of it.
  const number = query.status === undefined ? sql`r.number` : sql`s.number`;
  const place =
    after === undefined ? sql`` : ascending ? sql`and ${number} > ${after}` : sql`and ${number} < ${after}`;
  const rows = await sql<RunRow[]>`
    select ${sql.unsafe(RUN_COLUMNS)} from runs r join run_state s on s.run_id = r.id
    where ${filter} ${place}
    order by ${number} ${ascending ? sql`asc` : sql`desc`}
    limit ${limit + 1} offset ${offsetOf(query)}`;
  const total = query.total === true ? await countRuns(sql, filter) : undefined;
  return pageOf(rows, limit, {
    item: runFromRow,
    cursor: (row) => encodeCursor('runs', [row.number]),
    total,
  });
}

async function countRuns(sql: Sql, filter: Fragment): Promise<number> {
  const [row] = await sql<{ total: number }[]>`
    select count(*) as total from runs r join run_state s on s.run_id = r.id where ${filter}`;
  return row?.total ?? 0;
}

/** Null: a filter that can match nothing. */
function conditionsOf(sql: Sql, organizationId: number, query: RunQuery): Fragment[] | null {
  const { metadata = {} } = query;
  const texts = [
    query.key,
    query.q,
    ...(query.kind ?? []),
    ...(query.errorCode ?? []),
    ...(query.hold ?? []),
  ];
  const ids = [query.session, query.mission, query.parent].filter((id) => id !== undefined);
  const named = [...texts, ...(query.agent ?? []), ...(query.flow ?? []), ...(query.createdBy ?? [])];
  if (![...named, ...Object.entries(metadata).flat()].every((text) => text === undefined || isStorable(text)))
    return null;
  if (!ids.every(isUuid)) return null;
  const conditions = [sql`r.organization_id = ${organizationId}`];
  const add = (condition: Fragment): void => void conditions.push(condition);
  if (query.status !== undefined)
    add(sql`s.organization_id = ${organizationId} and s.status = any(${query.status})`);
  if (query.kind !== undefined) add(sql`r.kind = any(${query.kind})`);
  if (query.agent !== undefined) add(sql`r.agent_id = any(${query.agent})`);
  if (query.flow !== undefined) add(sql`r.flow_id = any(${query.flow})`);
  if (query.origin !== undefined) add(sql`r.origin = any(${query.origin})`);
  if (query.session !== undefined) add(sql`r.session_id = ${query.session}`);
  if (query.mission !== undefined) add(sql`r.mission_id = ${query.mission}`);
  if (query.parent !== undefined) add(sql`r.parent_id = ${query.parent}`);
  if (query.hold !== undefined) {
    add(
      sql`exists (select from json_array_elements(s.state->'holds') h where h->>'name' = any(${query.hold}))`,
    );
  }
  if (query.errorCode !== undefined) add(sql`r.error_code = any(${query.errorCode})`);
  if (query.createdBy !== undefined) add(sql`r.created_by->>'id' = any(${query.createdBy})`);
  if (query.key !== undefined) add(sql`r.key = ${query.key}`);
  for (const [name, value] of Object.entries(metadata)) add(metadataIs(sql, name, value));
  if (query.createdAfter !== undefined) add(sql`r.created_at > ${query.createdAfter}`);
  if (query.createdBefore !== undefined) add(sql`r.created_at < ${query.createdBefore}`);
  if (query.q !== undefined) {
    const pattern = containsPattern(query.q);
    add(sql`(r.title ilike ${pattern} or r.input #>> '{}' ilike ${pattern})`);
  }
  return conditions;
}

/** `metadata.<name>=<value>` has no types: it matches the string, and the number or boolean of that spelling. */
function metadataIs(sql: Sql, name: string, value: string): Fragment {
  const asText = sql`r.metadata @> ${JSON.stringify({ [name]: value })}::jsonb`;
  const scalar = scalarOf(value);
  return scalar === null
    ? asText
    : sql`(${asText} or r.metadata @> ${JSON.stringify({ [name]: scalar })}::jsonb)`;
}

function scalarOf(text: string): number | boolean | null {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(0|[1-9]\d{0,14})(\.\d{1,10})?$/.test(text) ? Number(text) : null;
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

async function readDefinition(sql: Sql, runId: string): Promise<RunDefinition | null> {
  if (!isUuid(runId)) return null;
  const [row] = await sql<
    DefinitionRow[]
  >`select id, number, organization_id, mode, kind, agent, flow, input, session_id,
    parent, secrets, traceparent from runs where id = ${runId}`;
  if (row === undefined) return null;
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
