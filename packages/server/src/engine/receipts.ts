import type { EventType, Json, JsonObject, RunEvent } from '@fermata/protocol';
import { digestOf } from './digest.ts';

/**
 * The receipts of a run: its decisions, each chained to the one before by a hash, so that none can be changed, left
 * out or put elsewhere without breaking the chain. A link's hash is SHA-256 over the RFC 8785 canonical JSON of
 * `{prev, seq, type, at, data}`, `data` as `receiptData` gives it; the first link is the run's creation, whose `prev`
 * is null. Work (turns, deltas, tool calls) is no decision and costs nothing here.
 */
export interface ReceiptChain {
  /** Hash of the last link. */
  head: string;
  /** A fork's chain begins anew: copied events up to this seq are the original's. 0 in any other run. */
  after: number;
}

/** Events of these types may be decisions; some are only when a person made them. */
export const RECEIPT_TYPES: readonly EventType[] = [
  'run.created',
  'run.updated',
  'run.reopened',
  'run.succeeded',
  'run.failed',
  'run.cancelled',
  'hold.placed',
  'hold.released',
  'wait.answered_early',
  'wait.assigned',
  'wait.snoozed',
  'wait.resolved',
  'wait.expired',
  'wait.superseded',
  'wait.escalated',
  'wait.cancelled',
  'tool.denied',
];

/** The chain with this event, or as it was when the event is no decision of this run. */
export function chained(chain: ReceiptChain | undefined, event: RunEvent): ReceiptChain | undefined {
  if (event.type === 'run.created') {
    const head = linkHash(null, event, receiptData(event) ?? {});
    return { head, after: event.data.forkedFrom?.seq ?? 0 };
  }
  if (chain === undefined || event.seq <= chain.after) return chain;
  const data = receiptData(event);
  return data === null ? chain : { ...chain, head: linkHash(chain.head, event, data) };
}

/** SHA-256 (hex) of one link. */
export function linkHash(
  prev: string | null,
  { seq, type, at }: Pick<RunEvent, 'seq' | 'type' | 'at'>,
  data: JsonObject,
): string {
  return digestOf({ prev, seq, type, at, data });
}

/**
 * What of a decision stands in the chain, as it is in the log's JSON; null when the event is none. Bodies that
 * retention may remove stand as `{sha256}` of their canonical JSON; a body that has been replaced by that stays as it
 * is, so that the chain holds without it.
 */
export function receiptData(event: RunEvent): JsonObject | null {
  const data = chosenData(event);
  // One round trip: what JSON drops or spells otherwise must not depend on who hashes.
  return data === null ? null : (JSON.parse(JSON.stringify(data)) as JsonObject);
}

function chosenData(event: RunEvent): object | null {
  switch (event.type) {
    case 'run.created': {
      const { runId, data } = event;
      const { organizationId, number, by, mode, kind, origin, parent, forkedFrom, limits, startAt } = data;
      const { forkedReceipts = null, agent } = data;
      const named = agent === null ? null : { id: agent.id, name: agent.name, version: agent.version };
      const forked = forkedFrom === null ? null : { ...forkedFrom, receipts: forkedReceipts };
      return {
        runId,
        organizationId,
        number,
        by,
        mode,
        kind,
        origin,
        agent: named,
        parent,
        forkedFrom: forked,
        limits,
        startAt,
      };
    }
    case 'run.updated': {
      const { title, metadata, output, summary, error, ...decided } = event.data;
      const { limits, sealed, model } = decided;
      if (limits === undefined && sealed === undefined && model === undefined) return null;
      return { ...decided, ...bodies({ title, metadata, output, summary, error }) };
    }
    case 'run.succeeded':
    case 'run.failed': {
      const { output, summary, ...rest } = event.data;
      return isByPerson(event.data) ? { ...rest, ...bodies({ output, summary }) } : null;
    }
    case 'wait.answered_early': {
      const { answer, ...rest } = event.data;
      const { output, error, value, editedArgs, ...plain } = answer;
      return { ...rest, answer: { ...plain, ...bodies({ output, error, value, editedArgs }) } };
    }
    case 'wait.resolved':
    case 'wait.expired':
    case 'wait.superseded':
    case 'wait.cancelled': {
      const { value, editedArgs, ...decided } = event.data.resolution;
      return { ...event.data, resolution: { ...decided, ...bodies({ value, editedArgs }) } };
    }
    case 'tool.denied':
      return isByPerson(event.data) ? event.data : null;
    case 'run.reopened':
    case 'run.cancelled':
    case 'hold.placed':
    case 'hold.released':
    case 'wait.assigned':
    case 'wait.snoozed':
    case 'wait.escalated':
      return event.data;
    default:
      return null;
  }
}

function isByPerson({ by }: { by: { type: string } }): boolean {
  return by.type === 'principal' || by.type === 'key';
}

/** Those that are given, each as its digest; null stays null. */
function bodies(given: Record<string, Json | object | undefined>): JsonObject {
  const entries = Object.entries(given).filter(([, body]) => body !== undefined);
  return Object.fromEntries(entries.map(([name, body]) => [name, bodyDigest(body as Json)]));
}

function bodyDigest(body: Json): Json {
  if (body === null || isBodyDigest(body)) return body;
  const stored = JSON.parse(JSON.stringify(body)) as Json;
  return { sha256: digestOf(stored) };
}

function isBodyDigest(body: Json): boolean {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false;
  const [[name, value] = [], ...others] = Object.entries(body);
  return (
    others.length === 0 && name === 'sha256' && typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
  );
}
