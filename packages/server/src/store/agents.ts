import { randomBytes } from 'node:crypto';
import {
  canonicalJson,
  storable,
  type AgentFields,
  type Json,
  type RunAgent,
  type RunOrigin,
} from '@fermata/protocol';
import { mergeLimits } from '../engine/apply.ts';
import { EngineError } from '../engine/errors.ts';
import type { Page, PageQuery } from '../engine/caller.ts';
import type { AgentsFacade, SavedAgent } from '../engine/facade-accounts.ts';
import { mergeByKey } from '../engine/record.ts';
import { pinned } from '../engine/start-run.ts';
import { allOf, containsPattern, isStorable } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import type { Pool } from './pool.ts';
import { withReply } from './replies.ts';
import type { Fragment, Sql } from './sql.ts';

interface AgentRow {
  id: string;
  number: number;
  name: string;
  version: number;
  fields: AgentFields;
  created_at: string;
  updated_at: string;
}

/** The agent of requests that name none: the built-in one, or by face one with fields or a saved one. */
export interface DefaultAgents {
  builtIn: RunAgent;
  of(face: RunOrigin): { fields: AgentFields } | { agentId: string } | null;
}

/** Saved agents, each with all its versions. */
export function createAgents(pool: Pool, defaults: DefaultAgents): AgentsFacade {
  return {
    list: (caller, query) => pool.read((sql) => listAgents(sql, caller.organizationId, query)),
    async get(caller, agentId, version) {
      const { organizationId } = caller;
      const agent = await pool.read((sql) => readAgent(sql, organizationId, agentId, version));
      return agent ?? notFound();
    },
    create: (caller, fields, options) =>
      withReply(pool, options, (sql) => createAgent(sql, caller.organizationId, fields)),
    update: (caller, agentId, patch, options) =>
      withReply(pool, options, (sql) => updateAgent(sql, caller.organizationId, agentId, patch)),
    delete: (caller, agentId, options) =>
      withReply(pool, options, (sql) => deleteAgent(sql, caller.organizationId, agentId)),
    async defaultAgent({ organizationId, via }) {
      const chosen = defaults.of(via);
      if (chosen === null) return defaults.builtIn;
      if ('fields' in chosen) return pinned(chosen.fields, defaults.builtIn, null, null);
      const saved = await pool.read((sql) => readAgent(sql, organizationId, chosen.agentId, undefined));
      if (saved === null)
        throw new EngineError('not_configured', `there is no default agent ${chosen.agentId}`);
      return pinned(saved, defaults.builtIn, saved.id, saved.version);
    },
  };
}

function agentFromRow(row: AgentRow): SavedAgent {
  return {
    ...row.fields,
    id: row.id,
    name: row.name,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function notFound(): never {
  throw new EngineError('not_found', 'There is no such agent');
}

/** The current version of agents, joined as `a` and `v`. `updated_at` is when that version was made. */
function selectAgents(sql: Sql, version: Fragment, condition: Fragment): Fragment {
  return sql`select a.id, a.number, v.fields->>'name' as name, v.version, v.fields, a.created_at,
      v.created_at as updated_at
    from agents a join agent_versions v on v.agent_id = a.id and v.version = ${version}
    where a.deleted_at is null and ${condition}`;
}

async function readAgent(
  sql: Sql,
  organizationId: number,
  agentId: string,
  version: number | undefined,
): Promise<SavedAgent | null> {
  if (!isStorable(agentId)) return null;
  const wanted = version === undefined ? sql`a.version` : sql`${version}::int`;
  const [row] = await sql<AgentRow[]>`${selectAgents(
    sql,
    wanted,
    sql`a.organization_id = ${organizationId} and a.id = ${agentId}`,
  )}`;
  return row === undefined ? null : agentFromRow(row);
}

async function listAgents(
  sql: Sql,
  organizationId: number,
  query: PageQuery & { q?: string | undefined },
): Promise<Page<SavedAgent>> {
  const [after] = decodeCursor('agents', query.cursor, 1) ?? [];
  if (query.q !== undefined && !isStorable(query.q)) return { data: [], nextCursor: null };
  const limit = limitOf(query);
  const ascending = query.order === 'asc';
  const conditions = [sql`a.organization_id = ${organizationId}`];
  if (query.q !== undefined) conditions.push(sql`a.name ilike ${containsPattern(query.q)}`);
  const place =
    after === undefined ? sql`` : ascending ? sql`and a.number > ${after}` : sql`and a.number < ${after}`;
  const rows = await sql<AgentRow[]>`
    ${selectAgents(sql, sql`a.version`, allOf(sql, conditions))} ${place}
    order by a.number ${ascending ? sql`asc` : sql`desc`} limit ${limit + 1} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true
      ? await sql<{ total: number }[]>`
          select count(*) as total from agents a where a.deleted_at is null and ${allOf(sql, conditions)}`
      : [];
  return pageOf(rows, limit, {
    item: agentFromRow,
    cursor: (row) => encodeCursor('agents', [row.number]),
    total: count?.total,
  });
}

async function createAgent(
  sql: Sql,
  organizationId: number,
  fields: AgentFields & { name: string },
): Promise<SavedAgent> {
  const kept = checked(fields);
  const id = `agent_${randomBytes(12).toString('hex')}`;
  await sql`insert into agents (id, organization_id, name, version) values (${id}, ${organizationId}, ${kept.name}, 1)`;
  await insertVersion(sql, id, 1, kept);
  return (await readAgent(sql, organizationId, id, undefined)) ?? notFound();
}

async function updateAgent(
  sql: Sql,
  organizationId: number,
  agentId: string,
  patch: Partial<AgentFields>,
): Promise<SavedAgent> {
  const current = await lockAgent(sql, organizationId, agentId);
  const { id: _id, version, createdAt: _createdAt, updatedAt: _updatedAt, ...fields } = current;
  const merged = checked(mergeAgent(fields, patch));
  // The same request again, or one that changes nothing, makes no version.
  if (canonicalJson(merged as unknown as Json) === canonicalJson(fields as unknown as Json)) return current;
  await insertVersion(sql, agentId, version + 1, merged);
  await sql`update agents set name = ${merged.name}, version = ${version + 1}, updated_at = now() where id = ${agentId}`;
  return (await readAgent(sql, organizationId, agentId, undefined)) ?? notFound();
}

async function deleteAgent(sql: Sql, organizationId: number, agentId: string): Promise<void> {
  await lockAgent(sql, organizationId, agentId);
  await sql`update agents set deleted_at = now() where id = ${agentId}`;
}

async function lockAgent(sql: Sql, organizationId: number, agentId: string): Promise<SavedAgent> {
  if (!isStorable(agentId)) notFound();
  await sql`select from agents where id = ${agentId} and organization_id = ${organizationId} for update`;
  return (await readAgent(sql, organizationId, agentId, undefined)) ?? notFound();
}

async function insertVersion(sql: Sql, agentId: string, version: number, fields: AgentFields): Promise<void> {
  await sql`insert into agent_versions (agent_id, version, fields)
    values (${agentId}, ${version}, ${JSON.stringify(fields)}::text::json)`;
}

/** `metadata` and `limits` are merged by key (null removes), all else is replaced. */
function mergeAgent<T extends AgentFields>(fields: T, patch: Partial<AgentFields>): T {
  const merged = { ...fields };
  for (const [key, value] of Object.entries(patch)) {
    if (value !== undefined) Object.assign(merged, { [key]: value });
  }
  if (patch.metadata !== undefined) merged.metadata = mergeByKey(fields.metadata ?? {}, patch.metadata);
  if (patch.limits !== undefined) merged.limits = mergeLimits(fields.limits ?? {}, patch.limits);
  return merged;
}

/** Storable, and with tool names that the model can tell apart. */
function checked<T extends AgentFields>(fields: T): T {
  const names = new Set<string>();
  for (const [index, tool] of (fields.tools ?? []).entries()) {
    if (names.has(tool.name)) {
      throw new EngineError('invalid_request', `Two tools are named ${tool.name}`, {
        errors: [{ path: `tools.${index}.name`, message: 'is used by another tool' }],
      });
    }
    names.add(tool.name);
  }
  const result = storable(fields);
  if (!result.ok) throw new EngineError('invalid_request', `The agent is ${result.message}`);
  return result.value as unknown as T;
}
