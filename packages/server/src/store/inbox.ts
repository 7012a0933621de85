import {
  DEFAULT_INBOX_HOLDS,
  DEFAULT_INBOX_KINDS,
  type InboxItem,
  type InboxKind,
  type Hold,
  type RunOrigin,
  type RunStatus,
} from '@fermata/protocol';
import type { Page } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import type { InboxFacade, InboxQuery } from '../engine/facade-inbox.ts';
import { allOf, isStorable } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, pageOf } from './cursor.ts';
import { countInbox } from './inbox-counts.ts';
import type { Pool } from './pool.ts';
import type { Fragment, Sql } from './sql.ts';
import { WAIT_COLUMNS, waitFromRow, type WaitRow } from './waits.ts';

/** What needs somebody, over all runs of an organization. */
export function createInbox(pool: Pool): InboxFacade {
  return {
    list: ({ organizationId }, query) => pool.read((sql) => listInbox(sql, organizationId, query)),
    counts: ({ organizationId }) => pool.read((sql) => countInbox(sql, organizationId)),
  };
}

/** Due, at and id of the last item that was given. */
type Place = readonly [string, string, string];

function placeOf(cursor: string | undefined): Place | null {
  const values = decodeCursor('inbox', cursor, 3);
  if (values === null) return null;
  const [due, at, id] = values.map(String);
  if (!isTime(due) || !isTime(at) || id === undefined || !isStorable(id)) {
    throw new EngineError('invalid_request', 'The cursor is not one of this list', {
      errors: [{ path: 'cursor', message: 'not a cursor of this list' }],
    });
  }
  return [due, at, id];
}

function isTime(text: string | undefined): text is string {
  if (text === 'infinity') return true;
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text ?? '') && !Number.isNaN(Date.parse(text ?? ''));
}

/** Where an item stands in the list: the next deadline (`infinity` when that is not asked for), age, id. */
interface PlaceRow {
  id: string;
  run_id: string;
  due: string;
  at: string;
  /** Name of the hold; null for a wait. */
  hold: string | null;
}

interface RunRow {
  id: string;
  number: number;
  title: string | null;
  origin: RunOrigin;
  agent_id: string | null;
  /** Null: there is no agent. */
  agent_name: string | null;
  status: RunStatus;
  holds: Hold[];
}

async function listInbox(sql: Sql, organizationId: number, query: InboxQuery): Promise<Page<InboxItem>> {
  const after = placeOf(query.cursor);
  const limit = limitOf(query);
  const texts = [query.assignee, query.agent, query.hold].flatMap((list) => list ?? []);
  if (!texts.every(isStorable)) return { data: [], nextCursor: null };
  const walks = [
    walkWaits(sql, organizationId, query, after, limit + 1),
    walkHolds(sql, organizationId, query, after, limit + 1),
  ].filter((walk) => walk !== null);
  const [first, second] = walks;
  if (first === undefined) return { data: [], nextCursor: null };
  const places = await sql<PlaceRow[]>`
    select * from (${first} ${second === undefined ? sql`` : sql`union all ${second}`}) item
    order by due, at, id limit ${limit + 1}`;
  const shown = places.slice(0, limit);
  const waitIds = shown.filter(({ hold }) => hold === null).map(({ id }) => id);
  const [waits, runs] = await Promise.all([
    waitIds.length === 0
      ? []
      : sql<WaitRow[]>`select ${sql.unsafe(WAIT_COLUMNS)} from waits where id = any(${waitIds})`,
    shown.length === 0
      ? []
      : sql<RunRow[]>`
          select r.id, r.number, r.title, r.origin, r.agent_id, r.agent->>'name' as agent_name, s.status,
            s.state->'holds' as holds
          from runs r join run_state s on s.run_id = r.id
          where r.id = any(${[...new Set(shown.map((place) => place.run_id))]}::uuid[])`,
  ]);
  const waitById = new Map(waits.map((wait) => [wait.id, wait]));
  const runById = new Map(runs.map((run) => [run.id, run]));
  const page = pageOf(places, limit, {
    item: (place) => itemOf(place, waitById.get(place.id), runById.get(place.run_id)),
    cursor: ({ due, at, id }) => encodeCursor('inbox', [due, at, id]),
  });
  // What was decided between the two looks is not shown.
  return { ...page, data: page.data.filter((item) => item !== null) };
}

/** Kinds as they stand in the statement, not as parameters: see `walkWaits`. */
const KIND_LITERALS: Record<Exclude<InboxKind, 'hold'>, string> = {
  approval: `'approval'`,
  input: `'input'`,
  tool_output: `'tool_output'`,
  in_doubt: `'in_doubt'`,
};

/**
 * The waits of each kind, or of each assignee, are walked along an index and the walks are merged, so that a page costs
 * the same whatever the number of waits. A kind is written out, so that the planner knows how rare it is: given as a
 * parameter, it looked for each one among the waits of all (1.2 s of 100,000). Null: no kind of wait is asked for.
 */
function walkWaits(
  sql: Sql,
  organizationId: number,
  query: InboxQuery,
  after: Place | null,
  limit: number,
): Fragment | null {
  const kinds = [...new Set(query.kind ?? DEFAULT_INBOX_KINDS)].filter((kind) => kind !== 'hold');
  if (kinds.length === 0) return null;
  const byDeadline = query.orderBy === 'deadline';
  const deadline = sql`coalesce(w.deadline_at, 'infinity')`;
  const conditions: Fragment[] = [];
  const add = (condition: Fragment): void => void conditions.push(condition);
  if (query.snoozed !== true) add(sql`(w.snoozed_until is null or w.snoozed_until <= now())`);
  if (query.standingBefore !== undefined) add(sql`w.opened_at < ${query.standingBefore}`);
  if (query.deadlineBefore !== undefined) add(sql`${deadline} < ${query.deadlineBefore}::timestamptz`);
  if (query.agent !== undefined) add(isOfAgent(sql, sql`w.run_id`, query.agent));
  if (after !== null) {
    const [dueAfter, atAfter, idAfter] = after;
    add(
      byDeadline
        ? sql`(${deadline}, w.opened_at, w.id) > (${dueAfter}::timestamptz, ${atAfter}::timestamptz, ${idAfter})`
        : sql`(w.opened_at, w.id) > (${atAfter}::timestamptz, ${idAfter})`,
    );
  }
  const walk = (condition: Fragment): Fragment => sql`(
    select w.id, w.run_id, ${byDeadline ? deadline : sql`'infinity'::timestamptz`} as due, w.opened_at as at,
      null::text as hold
    from waits w
    where w.organization_id = ${organizationId} and w.state = 'open' and ${condition} and ${allOf(sql, conditions)}
    order by ${byDeadline ? sql`${deadline}, w.opened_at, w.id` : sql`w.opened_at, w.id`} limit ${limit})`;
  const literals = kinds.map((kind) => KIND_LITERALS[kind]);
  const walks =
    query.assignee === undefined
      ? literals.map((literal) => walk(sql`w.kind = ${sql.unsafe(literal)}`))
      : [...new Set(query.assignee)].map((assignee) =>
          walk(sql`w.assignee = ${assignee} and w.kind in (${sql.unsafe(literals.join(', '))})`),
        );
  const [first, ...rest] = walks;
  return first === undefined ? null : rest.reduce((all, one) => sql`${all} union all ${one}`, first);
}

/** Held runs that have not ended; they have no assignee and no deadline. */
function walkHolds(
  sql: Sql,
  organizationId: number,
  query: InboxQuery,
  after: Place | null,
  limit: number,
): Fragment | null {
  const isWanted = (query.kind ?? DEFAULT_INBOX_KINDS).includes('hold');
  if (!isWanted || query.assignee !== undefined || query.deadlineBefore !== undefined) return null;
  const conditions: Fragment[] = [];
  const add = (condition: Fragment): void => void conditions.push(condition);
  if (query.standingBefore !== undefined) add(sql`h.since < ${query.standingBefore}`);
  if (query.agent !== undefined) add(isOfAgent(sql, sql`h.run_id`, query.agent));
  if (after !== null) {
    const [dueAfter, atAfter, idAfter] = after;
    // All of them stand behind what has a deadline.
    if (dueAfter === 'infinity') add(sql`(h.since, h.id) > (${atAfter}::timestamptz, ${idAfter})`);
  }
  return sql`
    select walk.* from unnest(${[...new Set(query.hold ?? DEFAULT_INBOX_HOLDS)]}::text[]) as wanted (name)
    cross join lateral (
      select h.id, h.run_id, 'infinity'::timestamptz as due, h.since as at, h.name as hold from holds h
      where h.organization_id = ${organizationId} and h.name = wanted.name and h.is_live
        and ${allOf(sql, conditions)}
      order by h.since, h.id limit ${limit}
    ) walk`;
}

function isOfAgent(sql: Sql, runId: Fragment, agents: string[]): Fragment {
  return sql`exists (select from runs r where r.id = ${runId} and r.agent_id = any(${agents}))`;
}

/** Null: it is not there any more. */
function itemOf(place: PlaceRow, wait: WaitRow | undefined, row: RunRow | undefined): InboxItem | null {
  if (row === undefined) return null;
  const run: InboxItem['run'] = {
    id: row.id,
    number: row.number,
    title: row.title,
    status: row.status,
    origin: row.origin,
    agent: row.agent_name === null ? null : { id: row.agent_id, name: row.agent_name },
  };
  if (place.hold !== null) {
    const hold = row.holds.find(({ name }) => name === place.hold);
    if (hold === undefined) return null;
    const prompt = hold.reason ?? `held by ${hold.name}`;
    const { since } = hold;
    return {
      id: place.id,
      kind: 'hold',
      since,
      deadlineAt: null,
      assignee: null,
      prompt,
      run,
      wait: null,
      hold,
    };
  }
  if (wait === undefined || wait.state !== 'open') return null;
  const shown = waitFromRow(wait);
  return {
    id: wait.id,
    // Only these kinds are walked.
    kind: wait.kind as InboxKind,
    since: shown.openedAt,
    deadlineAt: shown.deadlineAt,
    assignee: shown.assignee,
    prompt: shown.prompt,
    run,
    wait: shown,
    hold: null,
  };
}
