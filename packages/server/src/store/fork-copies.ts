import type { ForkPorts } from '../engine/fork.ts';
import { UNDISPATCHED } from '../engine/dispatch.ts';
import { projectHolds, writeHolds, type HoldsWrite } from './committer-holds.ts';
import { insertEvents, insertRuns } from './committer-writes.ts';
import type { Pool } from './pool.ts';

/** Copies of logs: `insert … select` in a transaction of its own, so that no commit waits for a long log. */
export function createForkCopies(pool: Pool): ForkPorts['copies'] {
  return {
    async drawNumber() {
      const [row] = await pool.read(
        (sql) => sql<{ number: number }[]>`select nextval('run_number') as number`,
      );
      if (row === undefined) throw new Error('no number was drawn for a fork');
      return row.number;
    },
    async write({ run, fromRunId, through, logBegins, events, state }, number) {
      await pool.transaction(async (sql) => {
        const at = state.at;
        await Promise.all(insertRuns(sql, [{ run, number, state, dispatch: UNDISPATCHED, at }]));
        const holds: HoldsWrite[] = [];
        projectHolds(holds, null, state);
        await Promise.all(writeHolds(sql, holds));
        const created = {
          runId: run.runId,
          seq: 1,
          type: 'run.created' as const,
          at: logBegins,
          v: 1,
          data: { ...run.created, number },
        };
        const placed = [created, ...events].map((event) => ({ event, json: JSON.stringify(event.data) }));
        await insertEvents(sql, placed);
        await sql`
          insert into events (run_id, seq, type, at, v, data)
          select ${run.runId}, seq, type, at, v, data from events
          where run_id = ${fromRunId} and seq between 2 and ${through}`;
        await sql`
          insert into run_keys (run_id, kind, key, seq)
          select ${run.runId}, kind, key, seq from run_keys where run_id = ${fromRunId} and seq <= ${through}`;
        await sql`
          insert into early_answers
          select ${run.runId}, call_id, kind, seq, answer, by, via, at, role from early_answers
          where run_id = ${fromRunId} and seq <= ${through}`;
        await sql`
          insert into blob_references (organization_id, digest, run_id)
          select organization_id, digest, ${run.runId} from blob_references where run_id = ${fromRunId}`;
      });
    },
    async discard(runId, head) {
      await pool.transaction(async (sql) => {
        const { count } = await sql`delete from run_state where run_id = ${runId} and head = ${head}`;
        if (count === 0) return;
        for (const table of [
          'holds',
          'events',
          'run_keys',
          'early_answers',
          'blob_references',
          'snapshots',
        ]) {
          await sql`delete from ${sql(table)} where run_id = ${runId}`;
        }
        await sql`delete from runs where id = ${runId}`;
      });
    },
  };
}
