import type { BatchWrites } from './committer-writes.ts';
import { codeOf, type Sql } from './sql.ts';

const INVALID_PARAMETER = '22023';

/**
 * What became of a transaction whose connection was lost after COMMIT was sent: null while it still runs, `unknown`
 * when the database has forgotten it.
 *
 * A server that was killed gives out again the transaction ids of which it had written nothing down. So an id that
 * lies in the future belongs to a transaction that is lost; and one that is committed may belong to another, which
 * is why what this one wrote is looked for.
 */
export async function outcomeOf(
  sql: Sql,
  xid: string,
  writes: BatchWrites,
): Promise<'committed' | 'aborted' | 'unknown' | null> {
  switch (await statusOf(sql, xid)) {
    case 'committed':
      return (await areThere(sql, writes)) ? 'committed' : 'aborted';
    case 'aborted':
    case 'future':
      return 'aborted';
    case null:
      return 'unknown';
    default:
      return null;
  }
}

async function statusOf(sql: Sql, xid: string): Promise<string | null> {
  try {
    const [row] = await sql<{ status: string | null }[]>`select pg_xact_status(${xid}::xid8) as status`;
    return row?.status ?? null;
  } catch (error) {
    if (codeOf(error) === INVALID_PARAMETER) return 'future';
    throw error;
  }
}

/** The writes of a batch are there all or none: one of them tells. A batch without any has lost nothing. */
async function areThere(sql: Sql, { events, changed }: BatchWrites): Promise<boolean> {
  // Deltas may be compacted by whoever ends the run.
  const placed = events.find(({ event }) => event.type !== 'message.delta') ?? events[0];
  if (placed !== undefined) {
    const { runId, seq, type, at } = placed.event;
    const found = await sql`select from events where run_id = ${runId} and seq = ${seq} and type = ${type}
      and at = ${at}::timestamptz and data::text = ${placed.json}`;
    return found.length > 0;
  }
  const [run] = changed;
  if (run === undefined) return true;
  const [runId, { dispatch }] = run;
  // Whoever took the run meanwhile has raised the epoch, and refuses what this batch would do with it.
  const found = await sql`select from run_state where run_id = ${runId} and (epoch > ${dispatch.epoch}
    or (epoch = ${dispatch.epoch} and claim is not distinct from ${dispatch.claim}))`;
  return found.length > 0;
}
