import { storable, type JsonObject, type Mission, type RunMode } from '@fermata/protocol';
import { v5, v7 } from 'uuid';
import type { Caller, Page } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import type { MissionFields, MissionQuery } from '../engine/facade-missions.ts';
import type { MissionStore } from '../engine/mission-commands.ts';
import { mergeByKey } from '../engine/record.ts';
import { allOf, isStorable, isUuid } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import { metadataIs } from './metadata-filter.ts';
import { readOrganization } from './organizations.ts';
import type { Pool } from './pool.ts';
import { withReply } from './replies.ts';
import type { Fragment, Sql } from './sql.ts';

interface MissionRow {
  id: string;
  number: number;
  name: string;
  description: string | null;
  instructions: string | null;
  model: string | null;
  mode: RunMode;
  metadata: JsonObject | null;
  created_at: string;
  updated_at: string;
}

const COLUMNS = 'id, number, name, description, instructions, model, mode, metadata, created_at, updated_at';
const UNASSIGNED = 'Unassigned';

/** Missions, by the organization. A deleted one keeps its row, since its runs name it. */
export function createMissions(pool: Pool): MissionStore {
  /** What an organization's UUID gives never changes. */
  const unassigned = new Map<number, Mission>();

  async function unassignedOf({ organizationId }: Caller): Promise<Mission> {
    const known = unassigned.get(organizationId);
    if (known !== undefined) return known;
    const { uuid, createdAt } = await pool.read((sql) => readOrganization(sql, organizationId));
    const mission = unassignedMission(v5(UNASSIGNED, uuid), createdAt);
    unassigned.set(organizationId, mission);
    return mission;
  }

  async function checkIsOwn(caller: Caller, missionId: string): Promise<void> {
    if (missionId.toLowerCase() === (await unassignedOf(caller)).id) {
      throw new EngineError('forbidden', 'The mission of the runs without a mission cannot be changed');
    }
  }

  async function get(caller: Caller, missionId: string): Promise<Mission> {
    const none = await unassignedOf(caller);
    if (missionId.toLowerCase() === none.id) return none;
    return missionFromRow(await pool.read((sql) => readMission(sql, caller.organizationId, missionId)));
  }

  return {
    get,
    async list(caller, query) {
      const none = await unassignedOf(caller);
      return pool.read((sql) => listMissions(sql, caller.organizationId, query, none));
    },
    create: ({ organizationId }, fields, options) =>
      withReply(pool, options, (sql) => insertMission(sql, organizationId, checked(fields))),
    async update(caller, missionId, patch, options) {
      await checkIsOwn(caller, missionId);
      return withReply(pool, options, (sql) => updateMission(sql, caller.organizationId, missionId, patch));
    },
    async clone(caller, missionId, collections, options) {
      const original = await get(caller, missionId);
      return withReply(pool, options, async (sql) => {
        const copy = await insertMission(sql, caller.organizationId, original);
        for (const name of collections) await copyRecords(sql, caller, name, original.id, copy.id);
        return copy;
      });
    },
    async hide(caller, missionId, options) {
      await checkIsOwn(caller, missionId);
      return withReply(pool, options, (sql) => hideMission(sql, caller.organizationId, missionId));
    },
    unassignedId: async (caller) => (await unassignedOf(caller)).id,
  };
}

function unassignedMission(id: string, createdAt: string): Mission {
  return {
    id,
    name: UNASSIGNED,
    description: 'Runs that were started without a mission',
    instructions: null,
    model: null,
    mode: 'external',
    metadata: null,
    createdAt,
    updatedAt: createdAt,
  };
}

function missionFromRow(row: MissionRow): Mission {
  const { id, name, description, instructions, model, mode, metadata } = row;
  const { created_at: createdAt, updated_at: updatedAt } = row;
  return { id, name, description, instructions, model, mode, metadata, createdAt, updatedAt };
}

function notFound(): never {
  throw new EngineError('not_found', 'There is no such mission');
}

async function readMission(
  sql: Sql,
  organizationId: number,
  missionId: string,
  lock = false,
): Promise<MissionRow> {
  if (!isUuid(missionId)) notFound();
  const [row] = await sql<MissionRow[]>`select ${sql.unsafe(COLUMNS)} from missions
    where id = ${missionId} and organization_id = ${organizationId} and deleted_at is null
    ${lock ? sql`for update` : sql``}`;
  return row ?? notFound();
}

/** The mission without a row is the last of the list, while there are runs without a mission. */
async function listMissions(
  sql: Sql,
  organizationId: number,
  query: MissionQuery,
  none: Mission,
): Promise<Page<Mission>> {
  const [after] = decodeCursor('missions', query.cursor, 1) ?? [];
  const { name, metadata = {} } = query;
  if (![name ?? '', ...Object.entries(metadata).flat()].every(isStorable)) {
    return { data: [], nextCursor: null, ...(query.total === true ? { total: 0 } : {}) };
  }
  const conditions = [sql`organization_id = ${organizationId} and deleted_at is null`];
  if (name !== undefined) conditions.push(sql`name = ${name}`);
  for (const [key, value] of Object.entries(metadata)) {
    conditions.push(metadataIs(sql, sql`metadata`, key, value));
  }
  const mayHaveNone = Object.keys(metadata).length === 0 && (name === undefined || name === none.name);
  const rowOfNone: Fragment = sql`
    select ${none.id}::uuid, 0::bigint, ${none.name}::text, ${none.description}::text, null::text, null::text,
      'external'::text, null::jsonb, ${none.createdAt}::timestamptz, ${none.createdAt}::timestamptz
    where ${mayHaveNone}
      and exists (select from runs where organization_id = ${organizationId} and mission_id is null)`;
  const ascending = query.order === 'asc';
  const place = after === undefined ? sql`true` : ascending ? sql`number > ${after}` : sql`number < ${after}`;
  const limit = limitOf(query);
  const all = sql`select ${sql.unsafe(COLUMNS)} from missions where ${allOf(sql, conditions)}
    union all ${rowOfNone}`;
  const rows = await sql<MissionRow[]>`
    select * from (${all}) listed where ${place}
    order by number ${ascending ? sql`asc` : sql`desc`} limit ${limit + 1} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true ? await sql<{ total: number }[]>`select count(*) as total from (${all}) listed` : [];
  return pageOf(rows, limit, {
    item: missionFromRow,
    cursor: (row) => encodeCursor('missions', [row.number]),
    total: count?.total,
  });
}

type KeptFields = Omit<Mission, 'id' | 'createdAt' | 'updatedAt'>;

async function insertMission(
  sql: Sql,
  organizationId: number,
  { name, description, instructions, model, mode, metadata }: KeptFields,
): Promise<Mission> {
  const id = v7();
  await sql`
    insert into missions (id, organization_id, name, description, instructions, model, mode, metadata)
    values (${id}, ${organizationId}, ${name}, ${description}, ${instructions}, ${model}, ${mode},
      ${metadata === null ? null : JSON.stringify(metadata)}::jsonb)`;
  return missionFromRow(await readMission(sql, organizationId, id));
}

async function updateMission(
  sql: Sql,
  organizationId: number,
  missionId: string,
  patch: MissionFields & { mergesMetadata?: boolean },
): Promise<Mission> {
  const current = missionFromRow(await readMission(sql, organizationId, missionId, true));
  const { mergesMetadata = false, ...fields } = patch;
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const next = checked({ ...current, ...given, name: fields.name ?? current.name });
  if (mergesMetadata && fields.metadata !== undefined) {
    next.metadata = mergeByKey(current.metadata ?? {}, fields.metadata ?? {});
  }
  const { name, description, instructions, model, mode, metadata } = next;
  // What is so already is not changed again: a repeated request has no effect.
  await sql`
    update missions set name = ${name}, description = ${description}, instructions = ${instructions},
      model = ${model}, mode = ${mode}, metadata = ${metadata === null ? null : JSON.stringify(metadata)}::jsonb,
      updated_at = now()
    where id = ${missionId} and (name, description, instructions, model, mode, metadata) is distinct from
      (${name}, ${description}::text, ${instructions}::text, ${model}::text, ${mode},
       ${metadata === null ? null : JSON.stringify(metadata)}::jsonb)`;
  return missionFromRow(await readMission(sql, organizationId, missionId));
}

async function hideMission(sql: Sql, organizationId: number, missionId: string): Promise<boolean> {
  if (!isUuid(missionId)) notFound();
  const [row] = await sql<{ hidden: boolean }[]>`
    select deleted_at is not null as hidden from missions
    where id = ${missionId} and organization_id = ${organizationId} for update`;
  if (row === undefined) notFound();
  if (row.hidden) return false;
  await sql`update missions set deleted_at = now() where id = ${missionId}`;
  return true;
}

/** With the face of the caller; the copies have ids of their own and stand in the same order. */
async function copyRecords(
  sql: Sql,
  { organizationId, via }: Caller,
  name: string,
  from: string,
  to: string,
): Promise<void> {
  await sql`
    insert into records (organization_id, face, collection, id, data)
    select organization_id, face, ${`${name}/${to}`}, gen_random_uuid()::text, data from records
    where organization_id = ${organizationId} and face = ${via} and collection = ${`${name}/${from}`}
      and (expires_at is null or expires_at > now())
    order by number`;
}

/** Storable, and with every member. */
function checked(fields: MissionFields & { name: string }): KeptFields {
  const result = storable({
    name: fields.name,
    description: fields.description ?? null,
    instructions: fields.instructions ?? null,
    model: fields.model ?? null,
    mode: fields.mode ?? 'external',
    metadata: fields.metadata ?? null,
  } satisfies KeptFields);
  if (!result.ok) throw new EngineError('invalid_request', `The mission is ${result.message}`);
  return result.value as unknown as KeptFields;
}
