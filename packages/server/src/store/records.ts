import { storable, type JsonObject } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import type { Page, PageQuery } from '../engine/caller.ts';
import type { RecordsFacade, StoredRecord } from '../engine/facade-accounts.ts';
import { isStorable } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import type { Pool } from './pool.ts';
import { withReply } from './replies.ts';
import type { Fragment, Sql } from './sql.ts';

interface RecordRow {
  id: string;
  number: number;
  data: JsonObject;
  created_at: string;
  updated_at: string;
}

/** What faces keep beside runs. A record that has expired is not there, whether it was deleted already or not. */
export function createRecords(pool: Pool): RecordsFacade {
  return {
    async get(caller, face, collection, id) {
      if (!isStorable(id)) return null;
      const [row] = await pool.read(
        (sql) => sql<{ data: JsonObject }[]>`select data from records
          where ${inCollection(sql, caller.organizationId, face, collection)} and id = ${id}`,
      );
      return row?.data ?? null;
    },
    async read(caller, face, collection, id) {
      if (!isStorable(id)) return null;
      const place = { ...caller, face, collection, id };
      return pool.read((sql) => readRecord(sql, place));
    },
    add(caller, face, collection, id, data, options) {
      const text = checked(id, data);
      const place = { ...caller, face, collection, id };
      return withReply(pool, options, async (sql) => {
        await sql`
          delete from records where organization_id = ${caller.organizationId} and face = ${face}
            and collection = ${collection} and id = ${id} and expires_at <= now()`;
        await sql`
          insert into records (organization_id, face, collection, id, data)
          values (${caller.organizationId}, ${face}, ${collection}, ${id}, ${text})
          on conflict (organization_id, face, collection, id) do nothing`;
        const record = await readRecord(sql, place);
        if (record === null) throw new EngineError('unavailable', 'The record was deleted meanwhile');
        return record;
      });
    },
    async put(caller, face, collection, id, data, expiresAt) {
      const text = checked(id, data);
      // Without a time a record keeps the one that it has; one that has expired begins anew.
      await pool.transaction(
        (sql) => sql`
          insert into records as kept (organization_id, face, collection, id, data, expires_at)
          values (${caller.organizationId}, ${face}, ${collection}, ${id}, ${text}, ${expiresAt ?? null})
          on conflict (organization_id, face, collection, id) do update set
            data = excluded.data, updated_at = now(),
            created_at = case when kept.expires_at <= now() then now() else kept.created_at end,
            expires_at = case when ${expiresAt === undefined} and (kept.expires_at > now()) then kept.expires_at
              else excluded.expires_at end`,
      );
    },
    async delete(caller, face, collection, id) {
      if (!isStorable(id)) return false;
      const deleted = await pool.transaction(
        (sql) => sql`delete from records
          where ${inCollection(sql, caller.organizationId, face, collection)} and id = ${id}`,
      );
      return deleted.count > 0;
    },
    list: (caller, face, collection, query) =>
      pool.read((sql) => listRecords(sql, inCollection(sql, caller.organizationId, face, collection), query)),
  };
}

function checked(id: string, data: JsonObject): string {
  const kept = storable(data);
  if (!kept.ok) throw new EngineError('invalid_request', `The record is ${kept.message}`);
  if (!isStorable(id)) throw new EngineError('invalid_request', 'The id has U+0000 in it');
  return JSON.stringify(kept.value);
}

async function readRecord(
  sql: Sql,
  place: { organizationId: number; face: string; collection: string; id: string },
): Promise<StoredRecord | null> {
  const { organizationId, face, collection, id } = place;
  const [row] = await sql<RecordRow[]>`select id, number, data, created_at, updated_at from records
    where ${inCollection(sql, organizationId, face, collection)} and id = ${id}`;
  return row === undefined ? null : recordFromRow(row);
}

function recordFromRow(row: RecordRow): StoredRecord {
  return { id: row.id, data: row.data, createdAt: row.created_at, updatedAt: row.updated_at };
}

function inCollection(sql: Sql, organizationId: number, face: string, collection: string): Fragment {
  return sql`organization_id = ${organizationId} and face = ${face} and collection = ${collection}
    and (expires_at is null or expires_at > now())`;
}

async function listRecords(sql: Sql, filter: Fragment, query: PageQuery): Promise<Page<StoredRecord>> {
  const [after] = decodeCursor('records', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  const descending = query.order === 'desc';
  const place =
    after === undefined ? sql`` : descending ? sql`and number < ${after}` : sql`and number > ${after}`;
  const rows = await sql<RecordRow[]>`select id, number, data, created_at, updated_at from records
    where ${filter} ${place}
    order by number ${descending ? sql`desc` : sql`asc`} limit ${limit + 1} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true
      ? await sql<{ total: number }[]>`select count(*) as total from records where ${filter}`
      : [];
  return pageOf(rows, limit, {
    item: recordFromRow,
    cursor: (row) => encodeCursor('records', [row.number]),
    total: count?.total,
  });
}
