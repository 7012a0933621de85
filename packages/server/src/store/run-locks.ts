import type { Dispatch } from '../engine/dispatch.ts';
import type { RunState } from '../engine/state.ts';
import type { Fragment, Sql } from './sql.ts';

/** The locked row of a run, parsed. */
export interface LockedRun {
  organizationId: number;
  state: RunState;
  dispatch: Dispatch;
}

export interface StateRow {
  run_id: string;
  organization_id: number;
  state: RunState;
  epoch: number;
  claim: string | null;
  executor_id: string | null;
  attempts: number;
  due_at: string | null;
}

export function lockedFromRow(row: StateRow): LockedRun {
  return {
    organizationId: row.organization_id,
    state: row.state,
    dispatch: {
      epoch: row.epoch,
      claim: row.claim,
      executorId: row.executor_id,
      dueAt: row.due_at,
      attempts: row.attempts,
    },
  };
}

export interface ClockRow {
  xid: string;
  /** Database time, ms since 1970. */
  now: number;
}

export function clockColumns(sql: Sql): Fragment {
  return sql`pg_current_xact_id()::text as xid, extract(epoch from clock_timestamp())::float8 * 1000 as now`;
}

// Rejected: `for update` (blocks the foreign keys of inserts into waits), and locking in a CTE with the rest
// joined to it (one snapshot for all: two answers to one wait were both accepted).
export function lockRuns(sql: Sql, runIds: string[]): PromiseLike<(StateRow & ClockRow)[]> {
  return sql<(StateRow & ClockRow)[]>`
    select run_id, organization_id, state, epoch, claim, executor_id, attempts, due_at, ${clockColumns(sql)}
    from run_state where run_id = any(${runIds}::uuid[])
    order by run_id for no key update skip locked`;
}

/** The same without locks, and without drawing a transaction id: for a transaction that cannot write. */
export function lookAtRuns(sql: Sql, runIds: string[]): PromiseLike<(StateRow & ClockRow)[]> {
  return sql<(StateRow & ClockRow)[]>`
    select run_id, organization_id, state, epoch, claim, executor_id, attempts, due_at,
      '0' as xid, extract(epoch from clock_timestamp())::float8 * 1000 as now
    from run_state where run_id = any(${runIds}::uuid[])`;
}
