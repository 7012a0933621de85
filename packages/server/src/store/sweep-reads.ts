import type { RunStatus, WaitKind } from '@fermata/protocol';
import type { DispatchRow, SweepReads } from '../engine/ports.ts';
import { isUuid } from './condition.ts';
import { pendingFromRow, readOutboxOf, type OutboxRow } from './outbox.ts';
import type { Pool } from './pool.ts';
import type { Fragment, Sql } from './sql.ts';

interface StateRow {
  run_id: string;
  number: number;
  organization_id: number;
  status: RunStatus;
  head: number;
  epoch: number;
  claim: string | null;
  executor_id: string | null;
  attempts: number;
  due_at: string | null;
}

const NO_RUN = '00000000-0000-0000-0000-000000000000';

/** What the sweep looks for; each statement is served by a partial index. */
export function createSweepReads(pool: Pool): SweepReads {
  const dispatchRows = async (statement: (sql: Sql) => PromiseLike<StateRow[]>): Promise<DispatchRow[]> =>
    (await pool.read(statement)).map(dispatchFromRow);
  return {
    dueUnclaimed: (graceMs, limit) =>
      dispatchRows(
        (sql) => sql<StateRow[]>`select ${columns(sql)} from run_state s
          where s.claim is null and s.due_at < now() - ${graceMs}::int * interval '1 ms'
          order by s.due_at limit ${limit}`,
      ),
    abandoned: (limit) =>
      dispatchRows(
        (sql) => sql<StateRow[]>`select ${columns(sql)} from run_state s
          left join executors on executors.id = s.executor_id
          where s.claim is not null and (executors.id is null or executors.dead_at is not null)
          order by s.number limit ${limit}`,
      ),
    claimedBy: (executorId, limit, afterRunId = NO_RUN) =>
      dispatchRows(
        (sql) => sql<StateRow[]>`select ${columns(sql)} from run_state s
          where s.claim is not null and s.executor_id = ${executorId}
            and s.run_id > ${isUuid(afterRunId) ? afterRunId : NO_RUN}
          order by s.run_id limit ${limit}`,
      ),
    roomFor: (perOrganization, limit, organizationId) =>
      dispatchRows((sql) => readRoom(sql, perOrganization, limit, organizationId)),
    async dueWaits(limit) {
      const rows = await pool.read(
        (sql) => sql<DueWaitRow[]>`select id, run_id, organization_id, kind, deadline_at from waits
          where state = 'open' and deadline_at is not null and deadline_at <= now()
          order by deadline_at limit ${limit}`,
      );
      return rows.map((row) => ({
        waitId: row.id,
        runId: row.run_id,
        organizationId: row.organization_id,
        kind: row.kind,
        deadlineAt: row.deadline_at,
      }));
    },
    pastDeadline: (limit) =>
      dispatchRows(
        (sql) => sql<StateRow[]>`select ${columns(sql)} from run_state s
          where s.deadline_at is not null and s.deadline_at <= now() order by s.deadline_at limit ${limit}`,
      ),
    async undelivered(graceMs, limit) {
      const rows = await pool.read(
        (sql) => sql<OutboxRow[]>`select id, run_id, sender_id, sender_seq, command from outbox
          where created_at < now() - ${graceMs}::int * interval '1 ms'
          order by created_at, id limit ${limit}`,
      );
      return rows.map(pendingFromRow);
    },
    outboxOf: (runIds, limit) => readOutboxOf(pool, runIds, limit),
    async nextDeadline() {
      const [row] = await pool.read(
        (sql) => sql<{ at: string | null }[]>`select least(
          (select min(deadline_at) from waits where state = 'open' and deadline_at is not null),
          (select min(deadline_at) from run_state where deadline_at is not null)) as at`,
      );
      return row?.at ?? null;
    },
  };
}

interface DueWaitRow {
  id: string;
  run_id: string;
  organization_id: number;
  kind: WaitKind;
  deadline_at: string;
}

function columns(sql: Sql): Fragment {
  return sql`s.run_id, s.number, s.organization_id, s.status, s.head, s.epoch, s.claim, s.executor_id, s.attempts,
    s.due_at`;
}

function dispatchFromRow(row: StateRow): DispatchRow {
  return {
    runId: row.run_id,
    number: row.number,
    organizationId: row.organization_id,
    status: row.status,
    head: row.head,
    epoch: row.epoch,
    claim: row.claim,
    executorId: row.executor_id,
    attempts: row.attempts,
    dueAt: row.due_at,
  };
}

/** Goes from organization to organization along the index, since one of them may have all the rows. */
function readRoom(
  sql: Sql,
  perOrganization: number,
  limit: number,
  organizationId: number | undefined,
): PromiseLike<StateRow[]> {
  const waiting = sql`s.due_at = 'infinity' and s.claim is null`;
  const organizations =
    organizationId === undefined
      ? sql`(select s.organization_id from run_state s where ${waiting} order by s.organization_id limit 1)
          union all
          select (select s.organization_id from run_state s
            where ${waiting} and s.organization_id > o.organization_id order by s.organization_id limit 1)
          from o where o.organization_id is not null`
      : sql`select ${organizationId}::int`;
  return sql<StateRow[]>`
    with recursive o (organization_id) as (${organizations})
    select waiter.* from o
    cross join lateral (
      select count(*) as count from run_state s where s.organization_id = o.organization_id and s.claim is not null
    ) driven
    cross join lateral (
      select ${columns(sql)} from run_state s
      where s.organization_id = o.organization_id and ${waiting}
      order by s.number limit greatest(${perOrganization}::int - driven.count, 0)
    ) waiter
    limit ${limit}`;
}
