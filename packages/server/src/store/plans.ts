import type { RunEvent } from '@fermata/protocol';
import { foldPlan, type Plan } from '../engine/plan.ts';
import type { PlanReads } from '../engine/ports.ts';
import { isUuid } from './condition.ts';
import { eventFromRow, type EventRow } from './events.ts';
import type { Pool } from './pool.ts';
import type { Sql } from './sql.ts';

export function createPlanReads(pool: Pool): PlanReads {
  return {
    async of(runId) {
      return foldPlan(isUuid(runId) ? await pool.read((sql) => selectPlanEvents(sql, [runId])) : []);
    },
  };
}

/** The plan events of runs, each run's in order. The types are written out, so that the partial index is seen. */
export async function selectPlanEvents(sql: Sql, runIds: readonly string[]): Promise<RunEvent[]> {
  const rows = await sql<(EventRow & { run_id: string })[]>`
    select run_id, seq, type, at, v, data from events
    where run_id = any(${[...runIds]}::uuid[])
      and type in ('plan.created', 'plan.steps_added', 'plan.step_updated')
    order by run_id, seq`;
  return rows.map((row) => eventFromRow(row.run_id, row));
}

/** The plans of runs, by run id, from their plan events. */
export function plansOf(events: readonly RunEvent[]): Map<string, Plan> {
  const byRun = new Map<string, RunEvent[]>();
  for (const event of events) {
    const log = byRun.get(event.runId);
    if (log === undefined) byRun.set(event.runId, [event]);
    else log.push(event);
  }
  return new Map([...byRun].map(([runId, log]) => [runId, foldPlan(log)]));
}
