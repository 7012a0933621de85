import { isJsonObject, type Json } from '@fermata/protocol';
import type { Delivery, WebhookStore, WebhookTarget } from '../engine/facade-webhooks.ts';
import type { EventReads, RunReads } from '../engine/ports.ts';
import { crashPoint } from '../observe/crash-point.ts';
import type { Logger } from '../observe/log.ts';
import type { JobOutcome, JobTask, NewJob } from './port.ts';
import type { WebhookMessage, WebhookSender } from './webhook-sender.ts';

/** Finds out to whom an event goes. */
export const WEBHOOK_TASK = 'webhook';
/** Sends it to one of them. */
export const DELIVERY_TASK = 'webhook_delivery';

/** After a failed attempt the next comes after so long, ms: in all for three days. */
export const RETRY_DELAYS_MS: readonly number[] = [
  5_000,
  30_000,
  2 * 60_000,
  10 * 60_000,
  30 * 60_000,
  3_600_000,
  2 * 3_600_000,
  4 * 3_600_000,
  8 * 3_600_000,
  14 * 3_600_000,
  20 * 3_600_000,
  24 * 3_600_000,
];

export interface WebhookEventJob {
  organizationId: number;
  runId: string;
  seq: number;
}

/** The job of an event that webhooks may want. */
export function webhookJob({ organizationId, runId, seq }: WebhookEventJob): NewJob {
  const payload = { organizationId, runId, seq };
  return { task: WEBHOOK_TASK, payload, key: `webhook:${runId}:${seq}`, runAt: null };
}

function deliveryJob(webhookId: string, payload: WebhookEventJob): NewJob {
  return {
    task: DELIVERY_TASK,
    payload: { ...payload, webhookId },
    key: `webhook:${webhookId}:${payload.runId}:${payload.seq}`,
    runAt: null,
  };
}

export interface WebhookTasksDeps {
  sender: WebhookSender;
  store: WebhookStore;
  runs: Pick<RunReads, 'byId'>;
  events: Pick<EventReads, 'page'>;
  /** Base of the links that are sent. */
  linkBase(): string;
  open(sealed: string, context: string): string;
  /** Adds jobs in a transaction of their own. */
  add(jobs: readonly NewJob[]): Promise<void>;
  logger: Pick<Logger, 'warn' | 'error'>;
  retryDelaysMs?: readonly number[];
}

/**
 * Durable delivery of events to webhooks, at least once. The job of an event is added in the commit that logs the
 * event; it adds one job for each webhook, which is tried until it is delivered or given up. Each attempt is a row.
 */
export function createWebhookTasks(deps: WebhookTasksDeps): Record<string, JobTask> {
  return {
    async [WEBHOOK_TASK](payload) {
      const job = readJob(payload);
      if (job === null) return;
      const targets = await deps.store.targets(job.organizationId, job.runId);
      if (targets.length > 0) await deps.add(targets.map((webhookId) => deliveryJob(webhookId, job)));
    },
    async [DELIVERY_TASK](payload, { signal }) {
      const job = readJob(payload);
      const webhookId = isJsonObject(payload) ? payload['webhookId'] : undefined;
      if (job === null || typeof webhookId !== 'string') return;
      const target = await deps.store.target(webhookId);
      if (target === null) return;
      return deliver(deps, target, job, signal);
    },
  };
}

async function deliver(
  deps: WebhookTasksDeps,
  target: WebhookTarget,
  { runId, seq }: WebhookEventJob,
  signal: AbortSignal,
): Promise<JobOutcome> {
  const { store, logger, retryDelaysMs = RETRY_DELAYS_MS } = deps;
  const composed = await compose(deps, target, runId, seq);
  if (composed === null) return { kind: 'done' };
  const attempt = (await store.attempts(target.id, runId, seq)) + 1;
  const startedAt = new Date().toISOString();
  const began = performance.now();
  crashPoint('before-webhook-request');
  const sent = await deps.sender.send(target.face, composed.message, signal);
  crashPoint('after-webhook-request');
  // The process stops: another one tries again, and this attempt is none.
  if (signal.aborted && !sent.isDelivered) return { kind: 'again', afterMs: 0 };
  const afterMs = sent.isDelivered || sent.isHopeless ? undefined : retryDelaysMs[attempt - 1];
  const delivery: Delivery = {
    webhookId: target.id,
    seq,
    eventType: composed.eventType,
    attempt,
    isDelivered: sent.isDelivered,
    status: sent.status,
    error: sent.error,
    isLast: afterMs === undefined,
    startedAt,
    durationMs: Math.round(performance.now() - began),
  };
  await store.record(target.organizationId, runId, delivery);
  if (afterMs !== undefined) return { kind: 'again', afterMs };
  if (!sent.isDelivered) {
    logger.warn({ webhookId: target.id, runId, seq, attempt, reason: sent.error }, 'a webhook is given up');
  }
  return { kind: 'done' };
}

/** Null: there is nothing to send any more. */
async function compose(
  deps: WebhookTasksDeps,
  target: WebhookTarget,
  runId: string,
  seq: number,
): Promise<{ message: WebhookMessage; eventType: string } | null> {
  const format = deps.sender.formatOf(target.face);
  if (format === undefined) return null;
  const [run, [event]] = await Promise.all([
    deps.runs.byId(target.organizationId, runId),
    deps.events.page(runId, { after: seq - 1, before: seq + 1, limit: 1 }),
  ]);
  if (run === null || event === undefined) return null;
  const secret = openedSecret(deps, target);
  if (secret === undefined) return null;
  const body = JSON.stringify(format.encode(run, event, { base: deps.linkBase() }));
  const id = `msg_${runId.replaceAll('-', '')}_${seq}`;
  return { message: { url: target.url, id, body, secret }, eventType: event.type };
}

/** Undefined: it was sealed under another key. Nothing is sent that should have been signed. */
function openedSecret(
  { open, logger }: WebhookTasksDeps,
  { id, secret }: WebhookTarget,
): string | null | undefined {
  if (secret === null) return null;
  try {
    return open(secret, id);
  } catch (error) {
    logger.error({ err: error, webhookId: id }, 'the secret of a webhook cannot be opened');
    return undefined;
  }
}

function readJob(payload: Json): WebhookEventJob | null {
  if (!isJsonObject(payload)) return null;
  const { organizationId, runId, seq } = payload;
  if (typeof organizationId !== 'number' || typeof runId !== 'string' || typeof seq !== 'number') return null;
  return { organizationId, runId, seq };
}
