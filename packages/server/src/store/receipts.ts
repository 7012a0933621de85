import type { RunStatus } from '@fermata/protocol';
import type { EventReads } from '../engine/ports.ts';
import type { ReceiptsFacade } from '../engine/facade-accounts.ts';
import { createReceiptsFacade } from '../engine/receipts-facade.ts';
import type { ReceiptChain } from '../engine/receipts.ts';
import { createReceiptSigner } from '../secrets/receipt-signer.ts';
import { isUuid } from './condition.ts';
import type { Pool } from './pool.ts';

interface ReceiptedRow {
  run_id: string;
  number: number;
  organization_id: number;
  status: RunStatus;
  head: number;
  receipts: ReceiptChain | null;
}

/** Receipts, signed with the key of this seed, whose public half is made known to every process of the database. */
export async function createReceipts(
  pool: Pool,
  events: Pick<EventReads, 'page'>,
  seed: Uint8Array,
): Promise<ReceiptsFacade> {
  const signer = createReceiptSigner(seed);
  const { id, publicKey } = signer.key;
  await pool.transaction(
    (sql) =>
      sql`insert into receipt_keys (id, public_key) values (${id}, ${publicKey}) on conflict do nothing`,
  );
  return createReceiptsFacade({
    signer,
    events,
    async run(organizationId, runId) {
      if (!isUuid(runId)) return null;
      const [row] = await pool.read(
        (sql) => sql<ReceiptedRow[]>`
          select run_id, number, organization_id, status, head, state -> 'receipts' as receipts from run_state
          where run_id = ${runId} and organization_id = ${organizationId}`,
      );
      if (row === undefined) return null;
      const { run_id, number, organization_id, status, head, receipts } = row;
      return { id: run_id, number, organizationId: organization_id, status, head, receipts };
    },
    async keys() {
      const rows = await pool.read(
        (sql) => sql<{ id: string; public_key: string }[]>`
          select id, public_key from receipt_keys order by created_at, id`,
      );
      return rows.map((row) => ({ id: row.id, algorithm: 'ed25519', publicKey: row.public_key }));
    },
  });
}
