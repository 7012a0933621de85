import { isTerminal } from '@fermata/protocol';
import type { RunState } from '../engine/state.ts';
import type { Sql } from './sql.ts';

/** The holds of a run as they are after a batch. */
export interface HoldsWrite {
  runId: string;
  organizationId: number;
  number: number;
  isLive: boolean;
  /** The run has rows already. */
  hadHolds: boolean;
  holds: RunState['holds'];
}

/** Rows of `holds` follow the state, where the batch has changed them. `before`: null for a run that it has created. */
export function projectHolds(holds: HoldsWrite[], before: RunState | null, state: RunState): void {
  if (!hasMoved(before, state)) return;
  holds.push({
    runId: state.runId,
    organizationId: state.organizationId,
    number: state.number,
    isLive: !isTerminal(state.status),
    hadHolds: (before?.holds.length ?? 0) > 0,
    holds: state.holds,
  });
}

function hasMoved(before: RunState | null, after: RunState): boolean {
  const held = before?.holds ?? [];
  if (held.length === 0 && after.holds.length === 0) return false;
  if (held.length !== after.holds.length || held.some((hold, index) => hold !== after.holds[index]))
    return true;
  return before !== null && isTerminal(before.status) !== isTerminal(after.status);
}

export function writeHolds(sql: Sql, changed: readonly HoldsWrite[]): PromiseLike<unknown>[] {
  const rows = changed.flatMap(({ runId, organizationId, number, isLive, holds }) =>
    holds.map(({ name, since }) => ({
      id: `hold_${runId}_${name}`,
      run_id: runId,
      organization_id: organizationId,
      number,
      name,
      since,
      is_live: isLive,
    })),
  );
  const held = changed.filter(({ hadHolds }) => hadHolds).map(({ runId }) => runId);
  const statements: PromiseLike<unknown>[] = [];
  if (held.length > 0) statements.push(sql`delete from holds where run_id = any(${held}::uuid[])`);
  if (rows.length > 0) {
    statements.push(
      sql`insert into holds select * from json_populate_recordset(null::holds, ${JSON.stringify(rows)}::json)`,
    );
  }
  return statements;
}
