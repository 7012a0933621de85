import { randomBytes } from 'node:crypto';
import { canonicalJson, storable, type Json } from '@fermata/protocol';
import type { Caller, CommandOptions, Page, PageQuery } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import { allOf, containsPattern, isStorable } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import type { Pool } from './pool.ts';
import { withReply } from './replies.ts';
import type { Fragment, Sql } from './sql.ts';

interface Named {
  name?: string | undefined;
}

/** What an organization saves under a name, in versions: each change makes one, and all are kept. */
export interface VersionedKind<F extends Named> {
  noun: 'agent' | 'flow';
  /** Fields with a patch applied. */
  merge<T extends F>(fields: T, patch: Patch<F>): T;
}

/** Members that are not named, or undefined, stay as they are. */
export type Patch<F> = { [K in keyof F]?: F[K] | undefined };

export type Saved<F> = F & {
  id: string;
  name: string;
  version: number;
  createdAt: string;
  updatedAt: string;
};

export interface VersionedTable<F extends Named> {
  list(caller: Caller, query: PageQuery & { q?: string | undefined }): Promise<Page<Saved<F>>>;
  /** `not_found` when there is none. */
  get(caller: Pick<Caller, 'organizationId'>, id: string, version?: number): Promise<Saved<F>>;
  find(caller: Pick<Caller, 'organizationId'>, id: string): Promise<Saved<F> | null>;
  create(caller: Caller, fields: F & { name: string }, options?: CommandOptions): Promise<Saved<F>>;
  update(caller: Caller, id: string, patch: Patch<F>, options?: CommandOptions): Promise<Saved<F>>;
  delete(caller: Caller, id: string, options?: CommandOptions): Promise<void>;
}

interface Row<F> {
  id: string;
  number: number;
  name: string;
  version: number;
  fields: F;
  created_at: string;
  updated_at: string;
}

/** The table of one kind: `agents` with `agent_versions`, `flows` with `flow_versions`. */
export function createVersioned<F extends Named>(pool: Pool, kind: VersionedKind<F>): VersionedTable<F> {
  const read = (organizationId: number, id: string, version?: number): Promise<Saved<F> | null> =>
    pool.read((sql) => readOne(sql, kind, organizationId, id, version));
  return {
    list: (caller, query) => pool.read((sql) => listPage(sql, kind, caller.organizationId, query)),
    get: async ({ organizationId }, id, version) =>
      (await read(organizationId, id, version)) ?? notFound(kind),
    find: ({ organizationId }, id) => read(organizationId, id),
    create: (caller, fields, options) =>
      withReply(pool, options, (sql) => createOne(sql, kind, caller.organizationId, fields)),
    update: (caller, id, patch, options) =>
      withReply(pool, options, (sql) => updateOne(sql, kind, caller.organizationId, id, patch)),
    delete: (caller, id, options) =>
      withReply(pool, options, (sql) => deleteOne(sql, kind, caller.organizationId, id)),
  };
}

/** The names of a kind's tables, as parts of a statement. */
function tables(
  sql: Sql,
  { noun }: { noun: string },
): { table: Fragment; versions: Fragment; owner: Fragment } {
  return {
    table: sql`${sql(`${noun}s`)}`,
    versions: sql`${sql(`${noun}_versions`)}`,
    owner: sql`${sql(`${noun}_id`)}`,
  };
}

function savedFromRow<F>(row: Row<F>): Saved<F> {
  return {
    ...row.fields,
    id: row.id,
    name: row.name,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function notFound({ noun }: { noun: string }): never {
  throw new EngineError('not_found', `There is no such ${noun}`);
}

/** One version of each, joined as `o` and `v`. `updated_at` is when that version was made. */
function select(sql: Sql, kind: { noun: string }, version: Fragment, condition: Fragment): Fragment {
  const { table, versions, owner } = tables(sql, kind);
  return sql`select o.id, o.number, v.fields->>'name' as name, v.version, v.fields, o.created_at,
      v.created_at as updated_at
    from ${table} o join ${versions} v on v.${owner} = o.id and v.version = ${version}
    where o.deleted_at is null and ${condition}`;
}

async function readOne<F extends Named>(
  sql: Sql,
  kind: VersionedKind<F>,
  organizationId: number,
  id: string,
  version?: number,
): Promise<Saved<F> | null> {
  if (!isStorable(id)) return null;
  const wanted = version === undefined ? sql`o.version` : sql`${version}::int`;
  const condition = sql`o.organization_id = ${organizationId} and o.id = ${id}`;
  const [row] = await sql<Row<F>[]>`${select(sql, kind, wanted, condition)}`;
  return row === undefined ? null : savedFromRow(row);
}

async function listPage<F extends Named>(
  sql: Sql,
  kind: VersionedKind<F>,
  organizationId: number,
  query: PageQuery & { q?: string | undefined },
): Promise<Page<Saved<F>>> {
  const cursors = `${kind.noun}s`;
  const [after] = decodeCursor(cursors, query.cursor, 1) ?? [];
  if (query.q !== undefined && !isStorable(query.q)) return { data: [], nextCursor: null };
  const limit = limitOf(query);
  const ascending = query.order === 'asc';
  const conditions = [sql`o.organization_id = ${organizationId}`];
  if (query.q !== undefined) conditions.push(sql`o.name ilike ${containsPattern(query.q)}`);
  const place =
    after === undefined ? sql`` : ascending ? sql`and o.number > ${after}` : sql`and o.number < ${after}`;
  const rows = await sql<Row<F>[]>`
    ${select(sql, kind, sql`o.version`, allOf(sql, conditions))} ${place}
    order by o.number ${ascending ? sql`asc` : sql`desc`} limit ${limit + 1} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true
      ? await sql<{ total: number }[]>`select count(*) as total from ${tables(sql, kind).table} o
          where o.deleted_at is null and ${allOf(sql, conditions)}`
      : [];
  return pageOf(rows, limit, {
    item: savedFromRow,
    cursor: (row) => encodeCursor(cursors, [row.number]),
    total: count?.total,
  });
}

async function createOne<F extends Named>(
  sql: Sql,
  kind: VersionedKind<F>,
  organizationId: number,
  fields: F & { name: string },
): Promise<Saved<F>> {
  const kept = storableFields(kind, fields);
  const id = `${kind.noun}_${randomBytes(12).toString('hex')}`;
  await sql`insert into ${tables(sql, kind).table} (id, organization_id, name, version)
    values (${id}, ${organizationId}, ${kept.name}, 1)`;
  await insertVersion(sql, kind, id, 1, kept);
  return (await readOne(sql, kind, organizationId, id)) ?? notFound(kind);
}

async function updateOne<F extends Named>(
  sql: Sql,
  kind: VersionedKind<F>,
  organizationId: number,
  id: string,
  patch: Patch<F>,
): Promise<Saved<F>> {
  const current = await lockOne(sql, kind, organizationId, id);
  const fields = fieldsOf(current);
  const merged = storableFields(kind, kind.merge(fields, patch));
  // The same request again, or one that changes nothing, makes no version.
  if (canonicalJson(merged as unknown as Json) === canonicalJson(fields as unknown as Json)) return current;
  const version = current.version + 1;
  await insertVersion(sql, kind, id, version, merged);
  await sql`update ${tables(sql, kind).table}
    set name = ${merged.name}, version = ${version}, updated_at = now() where id = ${id}`;
  return (await readOne(sql, kind, organizationId, id)) ?? notFound(kind);
}

async function deleteOne<F extends Named>(
  sql: Sql,
  kind: VersionedKind<F>,
  organizationId: number,
  id: string,
): Promise<void> {
  await lockOne(sql, kind, organizationId, id);
  await sql`update ${tables(sql, kind).table} set deleted_at = now() where id = ${id}`;
}

async function lockOne<F extends Named>(
  sql: Sql,
  kind: VersionedKind<F>,
  organizationId: number,
  id: string,
): Promise<Saved<F>> {
  if (!isStorable(id)) notFound(kind);
  await sql`select from ${tables(sql, kind).table}
    where id = ${id} and organization_id = ${organizationId} for update`;
  return (await readOne(sql, kind, organizationId, id)) ?? notFound(kind);
}

async function insertVersion(
  sql: Sql,
  kind: { noun: string },
  id: string,
  version: number,
  fields: object,
): Promise<void> {
  const { versions, owner } = tables(sql, kind);
  await sql`insert into ${versions} (${owner}, version, fields)
    values (${id}, ${version}, ${JSON.stringify(fields)}::text::json)`;
}

/** What a version keeps of a saved one: all but what the row says. */
function fieldsOf<F>(saved: Saved<F>): F & { name: string } {
  const { id: _id, version: _version, createdAt: _createdAt, updatedAt: _updatedAt, ...fields } = saved;
  // What is left of an intersection of a type parameter is what it was made of.
  return fields as unknown as F & { name: string };
}

function storableFields<T>({ noun }: { noun: string }, fields: T): T {
  const result = storable(fields);
  if (!result.ok) throw new EngineError('invalid_request', `The ${noun} is ${result.message}`);
  return result.value as unknown as T;
}
