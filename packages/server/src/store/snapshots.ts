import type { Json } from '@fermata/protocol';
import type { SnapshotStore } from '../engine/ports.ts';
import { isUuid } from './condition.ts';
import type { Pool } from './pool.ts';

interface SnapshotRow {
  fold_version: number;
  seq: number;
  data: Json;
}

export function createSnapshotStore(pool: Pool): SnapshotStore {
  return {
    async get(runId) {
      if (!isUuid(runId)) return null;
      const [row] = await pool.read(
        (sql) => sql<SnapshotRow[]>`select fold_version, seq, data from snapshots where run_id = ${runId}`,
      );
      return row === undefined ? null : { foldVersion: row.fold_version, seq: row.seq, data: row.data };
    },
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
