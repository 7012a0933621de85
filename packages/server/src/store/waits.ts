import type { Resolution, Wait, WaitKind, WaitState } from '@fermata/protocol';
import type { Page } from '../engine/caller.ts';
import type { WaitQuery } from '../engine/facade.ts';
import type { WaitReads } from '../engine/ports.ts';
import { allOf, isStorable, isUuid } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import type { Pool } from './pool.ts';
import type { Fragment, Sql } from './sql.ts';

/** What of a wait is shown to a person and never changes. */
export type FixedWaitBody = Pick<
  Wait,
  'prompt' | 'args' | 'digest' | 'schema' | 'childRunId' | 'approvers' | 'policy' | 'deadline' | 'onExpire'
>;

/** A row of `waits`. */
export interface WaitRow {
  id: string;
  run_id: string;
  kind: WaitKind;
  state: WaitState;
  call_id: string | null;
  tool: string | null;
  assignee: string | null;
  body: FixedWaitBody;
  deadline_at: string | null;
  clock_stopped: boolean;
  remaining_ms: number | null;
  snoozed_until: string | null;
  opened_at: string;
  resolution: Resolution | null;
}

export const WAIT_COLUMNS = `id, run_id, kind, state, call_id, tool, assignee, body, deadline_at, clock_stopped,
  remaining_ms, snoozed_until, opened_at, resolution`;

/** A wait as replies show it. */
export function waitFromRow(row: WaitRow): Wait {
  const { prompt, args, digest, schema, childRunId, approvers, policy, deadline, onExpire } = row.body;
  return {
    id: row.id,
    kind: row.kind,
    prompt,
    callId: row.call_id,
    tool: row.tool,
    args,
    digest,
    schema,
    childRunId,
    approvers,
    policy: policy ?? null,
    assignee: row.assignee,
    deadline,
    deadlineAt: row.deadline_at,
    onExpire,
    runId: row.run_id,
    state: row.state,
    clockStopped: row.clock_stopped,
    remainingSeconds: row.remaining_ms === null ? null : Math.round(row.remaining_ms / 1000),
    snoozedUntil: row.snoozed_until,
    openedAt: row.opened_at,
    resolution: row.resolution,
  };
}

export function createWaitReads(pool: Pool): WaitReads {
  return {
    async byId(organizationId, waitId) {
      if (!isStorable(waitId)) return null;
      const [row] = await pool.read(
        (sql) => sql<WaitRow[]>`select ${sql.unsafe(WAIT_COLUMNS)} from waits
          where id = ${waitId} and organization_id = ${organizationId}`,
      );
      return row === undefined ? null : waitFromRow(row);
    },
    list: (organizationId, query) => pool.read((sql) => listWaits(sql, organizationId, query)),
  };
}

async function listWaits(sql: Sql, organizationId: number, query: WaitQuery): Promise<Page<Wait>> {
  const [openedAt, id] = decodeCursor('waits', query.cursor, 2) ?? [];
  const limit = limitOf(query);
  const conditions = conditionsOf(sql, organizationId, query);
  if (conditions === null)
    return { data: [], nextCursor: null, ...(query.total === true ? { total: 0 } : {}) };
  const filter = allOf(sql, conditions);
  const descending = query.order === 'desc';
  const place =
    openedAt === undefined || id === undefined
      ? sql``
      : descending
        ? sql`and (opened_at, id) < (${openedAt}, ${id})`
        : sql`and (opened_at, id) > (${openedAt}, ${id})`;
  const order = descending ? sql`opened_at desc, id desc` : sql`opened_at, id`;
  const rows = await sql<WaitRow[]>`select ${sql.unsafe(WAIT_COLUMNS)} from waits where ${filter} ${place}
    order by ${order} limit ${limit + 1} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true
      ? await sql<{ total: number }[]>`select count(*) as total from waits where ${filter}`
      : [];
  const cursor = (row: WaitRow): string => encodeCursor('waits', [row.opened_at, row.id]);
  return pageOf(rows, limit, { item: waitFromRow, cursor, total: count?.total });
}

/** Null: a filter that can match nothing. */
function conditionsOf(sql: Sql, organizationId: number, query: WaitQuery): Fragment[] | null {
  if (query.run !== undefined && !isUuid(query.run)) return null;
  const texts = [query.tool, query.agent, query.decidedBy].flatMap((list) => list ?? []);
  if (![query.assignee ?? '', ...texts].every(isStorable)) return null;
  const states = query.state ?? ['open'];
  const conditions = [sql`organization_id = ${organizationId}`];
  const add = (condition: Fragment): void => void conditions.push(condition);
  // Written out, so that the partial indexes over open and over decided waits serve the usual lists.
  if (states.length === 1 && states[0] === 'open') add(sql`state = 'open'`);
  else add(sql`state = any(${states})`);
  if (!states.includes('open')) add(sql`state <> 'open'`);
  if (query.run !== undefined) add(sql`run_id = ${query.run}`);
  if (query.kind !== undefined) add(sql`kind = any(${query.kind})`);
  if (query.assignee !== undefined) add(sql`assignee = ${query.assignee}`);
  if (query.tool !== undefined) add(sql`tool = any(${query.tool})`);
  if (query.openedBefore !== undefined) add(sql`opened_at < ${query.openedBefore}`);
  if (query.deadlineBefore !== undefined) add(sql`deadline_at < ${query.deadlineBefore}`);
  if (query.agent !== undefined) {
    add(sql`exists (select from runs r where r.id = waits.run_id and r.agent_id = any(${query.agent}))`);
  }
  if (query.decidedBy !== undefined) add(sql`resolution->'by'->>'id' = any(${query.decidedBy})`);
  if (query.decidedAfter !== undefined) add(sql`closed_at > ${query.decidedAfter}`);
  return conditions;
}
