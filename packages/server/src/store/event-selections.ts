import type { RunEvent } from '@fermata/protocol';
import type { Page } from '../engine/caller.ts';
import type { EventSelector, EventSelection } from '../engine/facade.ts';
import type { EventSelections } from '../engine/ports.ts';
import { allOf, isStorable, isUuid } from './condition.ts';
import { limitOf, offsetOf, pageOf } from './cursor.ts';
import { eventFromRow, type EventRow } from './events.ts';
import type { Pool } from './pool.ts';
import type { Fragment, Sql } from './sql.ts';

export function createEventSelections(pool: Pool): EventSelections {
  return {
    select: (organizationId, query) => pool.read((sql) => selectEvents(sql, organizationId, query)),
  };
}

/**
 * Without a run it looks at every event of the organization that is of these types: there is no index by time, since
 * each step of each run would pay for it.
 */
async function selectEvents(
  sql: Sql,
  organizationId: number,
  query: EventSelection,
): Promise<Page<RunEvent>> {
  const limit = limitOf(query);
  const conditions = conditionsOf(sql, organizationId, query);
  if (conditions === null) {
    return { data: [], nextCursor: null, ...(query.total === true ? { total: 0 } : {}) };
  }
  const from = sql`from events e join runs r on r.id = e.run_id where ${allOf(sql, conditions)}`;
  const order = query.run === undefined ? sql`e.at desc, e.run_id desc, e.seq desc` : sql`e.seq desc`;
  const rows = await sql<(EventRow & { run_id: string })[]>`
    select e.run_id, e.seq, e.type, e.at, e.v, e.data ${from}
    order by ${order} limit ${limit} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true ? await sql<{ total: number }[]>`select count(*) as total ${from}` : [];
  return pageOf(rows, limit, {
    item: (row) => eventFromRow(row.run_id, row),
    cursor: () => '',
    total: count?.total,
  });
}

/** Null: nothing can match. */
function conditionsOf(sql: Sql, organizationId: number, query: EventSelection): Fragment[] | null {
  const { run, any, stepId, agentId } = query;
  const texts = [stepId ?? '', agentId ?? ''];
  if (any.length === 0 || (run !== undefined && !isUuid(run)) || !texts.every(isStorable)) return null;
  const conditions = [sql`r.organization_id = ${organizationId}`, anyOf(sql, any)];
  if (run !== undefined) conditions.push(sql`e.run_id = ${run}`);
  else {
    conditions.push(
      sql`not exists (select from missions m where m.id = r.mission_id and m.deleted_at is not null)`,
    );
  }
  if (stepId !== undefined) conditions.push(sql`e.data->>'stepId' = ${stepId}`);
  if (agentId !== undefined) conditions.push(sql`e.data->>'agentId' = ${agentId}`);
  return conditions;
}

function anyOf(sql: Sql, selectors: readonly EventSelector[]): Fragment {
  const parts = selectors.map((selector) => matches(sql, selector));
  return sql`(${parts.reduce((joined, part) => sql`${joined} or ${part}`)})`;
}

function matches(sql: Sql, { types, mode, where }: EventSelector): Fragment {
  const conditions = [sql`e.type = any(${[...types]})`];
  if (mode !== undefined) conditions.push(sql`r.mode = ${mode}`);
  if (where !== undefined) {
    const value = sql`coalesce(e.data #>> ${[...where.path]}::text[], '')`;
    const list = sql`any(${[...where.values]}::text[])`;
    conditions.push(where.is ? sql`${value} = ${list}` : sql`not (${value} = ${list})`);
  }
  return sql`(${allOf(sql, conditions)})`;
}
