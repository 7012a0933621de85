import {
  canonicalJson,
  type Json,
  type ReceiptKey,
  type ReceiptLink,
  type RunEvent,
  type RunStatus,
} from '@fermata/protocol';
import { EngineError } from './errors.ts';
import type { ReceiptsFacade } from './facade-accounts.ts';
import type { EventReads } from './ports.ts';
import { linkHash, receiptData, RECEIPT_TYPES, type ReceiptChain } from './receipts.ts';

/** A run as the narrow row has it; `receipts` is absent in runs that are older than receipts. */
export interface ReceiptedRun {
  id: string;
  number: number;
  organizationId: number;
  status: RunStatus;
  head: number;
  receipts: ReceiptChain | null;
}

export interface ReceiptsPorts {
  run(organizationId: number, runId: string): Promise<ReceiptedRun | null>;
  keys(): Promise<ReceiptKey[]>;
  events: Pick<EventReads, 'page'>;
  signer: { readonly key: ReceiptKey; sign(text: string): string };
}

const PAGE = 500;

/**
 * Receipts are made from the log, and their head is taken from the run's row: a log that was changed behind the
 * server's back gives a chain that does not end in that head, which every verifier sees.
 */
export function createReceiptsFacade(ports: ReceiptsPorts): ReceiptsFacade {
  const { signer } = ports;
  return {
    keys: () => ports.keys(),
    async get(caller, runId) {
      const found = await ports.run(caller.organizationId, runId);
      if (found === null) throw new EngineError('not_found', 'there is no such run');
      const { receipts, ...run } = found;
      const document = {
        format: 'fermata.receipts.v1' as const,
        run,
        chain: linksOf(await decisions(ports, found)),
        head: receipts?.head ?? null,
        key: signer.key,
      };
      return { ...document, signature: signer.sign(canonicalJson(document as Json)) };
    },
  };
}

/** The run's creation and what is its own: copied events are the original's. */
async function decisions(ports: ReceiptsPorts, { id, head, receipts }: ReceiptedRun): Promise<RunEvent[]> {
  const query = { before: head + 1, types: RECEIPT_TYPES, limit: PAGE };
  const events = await ports.events.page(id, { ...query, before: 2, limit: 1 });
  for (let after = Math.max(1, receipts?.after ?? 1); ;) {
    const page = await ports.events.page(id, { ...query, after });
    events.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return events;
    after = last.seq;
  }
}

function linksOf(events: readonly RunEvent[]): ReceiptLink[] {
  const links: ReceiptLink[] = [];
  for (const event of events) {
    const data = receiptData(event);
    if (data === null) continue;
    const prev = links.at(-1)?.hash ?? null;
    const { seq, type, at } = event;
    links.push({ prev, seq, type, at, data, hash: linkHash(prev, event, data) });
  }
  return links;
}
