import type { Json } from '@fermata/protocol';
import type { SnapshotStore, StoredSnapshot } from '../engine/ports.ts';
import { createBatchedRead } from './batched-read.ts';
import { isUuid } from './condition.ts';
import type { Pool } from './pool.ts';
import type { Sql } from './sql.ts';

interface SnapshotRow {
  run_id: string;
  fold_version: number;
  seq: number;
  data: Json;
}

export function createSnapshotStore(pool: Pool): SnapshotStore {
  const read = createBatchedRead(
    (runIds: readonly string[]) => pool.read((sql) => readSnapshots(sql, runIds)),
    100,
  );
  return {
    get: (runId) => (isUuid(runId) ? read(runId) : Promise.resolve(null)),
    async put(runId, snapshot) {
      const { foldVersion, seq } = snapshot;
      const data = JSON.stringify(snapshot.data);
      await pool.transaction(
        (sql) => sql`insert into snapshots as kept (run_id, fold_version, seq, data)
          values (${runId}, ${foldVersion}, ${seq}, ${data})
          on conflict (run_id) do update
            set fold_version = excluded.fold_version, seq = excluded.seq, data = excluded.data, created_at = now()
            where kept.fold_version <> excluded.fold_version or kept.seq < excluded.seq`,
      );
    },
  };
}

async function readSnapshots(sql: Sql, runIds: readonly string[]): Promise<(StoredSnapshot | null)[]> {
  const rows = await sql<SnapshotRow[]>`
    select run_id, fold_version, seq, data from snapshots where run_id = any(${[...runIds]}::uuid[])`;
  const snapshots = new Map(rows.map((row) => [row.run_id, row]));
  return runIds.map((runId) => {
    const row = snapshots.get(runId);
    return row === undefined ? null : { foldVersion: row.fold_version, seq: row.seq, data: row.data };
  });
}
