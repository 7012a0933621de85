import type { EventType, JsonObject, Run, RunEvent, RunOrigin } from '@fermata/protocol';
import type { Caller } from './caller.ts';

/** Events that are sent to webhooks; of `wait.opened` those that somebody outside must answer. */
export const WEBHOOK_EVENTS = [
  'run.succeeded',
  'run.failed',
  'run.cancelled',
  'wait.opened',
] as const satisfies readonly EventType[];
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** Where to send a run's events; signed when there is a secret. */
export interface NewWebhook {
  url: string;
  secret: string | null;
}

/** A webhook as it is stored. */
export interface SealedWebhook {
  id: string;
  url: string;
  /** A sealed box, bound to the id. */
  secret: string | null;
}

/** Where an organization's events are sent to. The secret is never shown. */
export interface Webhook {
  id: string;
  url: string;
  enabled: boolean;
  hasSecret: boolean;
  createdAt: string;
  updatedAt: string;
}

/** What came of one request to a webhook. `status`: what the other side answered; null when it did not. */
export interface DeliveryOutcome {
  isDelivered: boolean;
  status: number | null;
  error: string | null;
}

/** One attempt to deliver one event. */
export interface Delivery extends DeliveryOutcome {
  webhookId: string;
  seq: number;
  eventType: string;
  /** From 1. */
  attempt: number;
  /** There is no further attempt. */
  isLast: boolean;
  startedAt: string;
  durationMs: number;
}

/** Webhooks of the caller's face: one of the organization, and those of single runs, which stand in its place. */
export interface WebhooksFacade {
  ofOrganization(caller: Caller): Promise<Webhook | null>;
  /** Replaces it. Without `secret` it keeps the one that it has; null takes it away. */
  setOfOrganization(
    caller: Caller,
    webhook: { url: string; secret?: string | null | undefined; enabled: boolean },
  ): Promise<Webhook>;
  /** False: there was none. */
  deleteOfOrganization(caller: Caller): Promise<boolean>;
  /** Replaces all of the run's; an empty list lets the organization's stand again. */
  setOfRun(caller: Caller, runId: string, webhooks: readonly NewWebhook[]): Promise<void>;
  /** Sends `body` there once, now, signed with the organization's secret. */
  test(caller: Caller, url: string, body: string): Promise<DeliveryOutcome>;
  /** Attempts for a run, the newest first, at most 100. */
  deliveries(caller: Caller, runId: string): Promise<Delivery[]>;
}

/** How a face sends an event of a run to webhooks. */
export interface WebhookFormat {
  /** The body, as JSON. */
  encode(run: Run, event: RunEvent, links: { base: string }): JsonObject;
  /** Header with `sha256=<hex>`, the HMAC of the body alone. */
  signatureHeader: string;
}

/** A webhook to which an event is to be sent. */
export interface WebhookTarget extends SealedWebhook {
  organizationId: number;
  face: RunOrigin;
}

/** What is stored of webhooks. Not scoped where no organization is given: for the tasks. */
export interface WebhookStore {
  ofOrganization(
    organizationId: number,
    face: RunOrigin,
  ): Promise<(Webhook & { secret: string | null }) | null>;
  setOfOrganization(
    organizationId: number,
    face: RunOrigin,
    webhook: SealedWebhook & { enabled: boolean },
  ): Promise<Webhook>;
  deleteOfOrganization(organizationId: number, face: RunOrigin): Promise<boolean>;
  setOfRun(
    organizationId: number,
    face: RunOrigin,
    runId: string,
    webhooks: readonly SealedWebhook[],
  ): Promise<void>;
  /** Ids of where an event of this run goes: per face the run's own, else the organization's. */
  targets(organizationId: number, runId: string): Promise<string[]>;
  /** Null: it is gone, or switched off. */
  target(webhookId: string): Promise<WebhookTarget | null>;
  attempts(webhookId: string, runId: string, seq: number): Promise<number>;
  record(organizationId: number, runId: string, delivery: Delivery): Promise<void>;
  deliveries(runId: string, limit: number): Promise<Delivery[]>;
}
