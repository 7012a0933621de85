import type { RunOrigin } from '@fermata/protocol';
import type { Delivery, SealedWebhook, Webhook, WebhookStore } from '../engine/facade-webhooks.ts';
import type { Pool } from './pool.ts';
import type { Sql } from './sql.ts';

interface WebhookRow {
  id: string;
  organization_id: number;
  face: RunOrigin;
  url: string;
  secret: string | null;
  enabled: boolean;
  created_at: string;
  updated_at: string;
}

interface DeliveryRow {
  webhook_id: string;
  seq: number;
  event_type: string;
  attempt: number;
  status: number | null;
  error: string | null;
  is_last: boolean;
  started_at: string;
  duration_ms: number;
}

/** Whether anybody wants to hear of a run: a condition over `item`, the job that would be added for its event. */
export const WEBHOOK_IS_WANTED = `(
  exists (select from webhooks where run_id = (item->'payload'->>'runId')::uuid)
  or exists (select from webhooks where run_id is null and enabled
    and organization_id = (item->'payload'->>'organizationId')::int))`;

/** Webhooks and their deliveries. */
export function createWebhookStore(pool: Pool): WebhookStore {
  return {
    async ofOrganization(organizationId, face) {
      const [row] = await pool.read(
        (sql) => sql<WebhookRow[]>`select * from webhooks
          where organization_id = ${organizationId} and face = ${face} and run_id is null`,
      );
      return row === undefined ? null : { ...webhookFromRow(row), secret: row.secret };
    },
    async setOfOrganization(organizationId, face, { id, url, secret, enabled }) {
      const [row] = await pool.transaction(
        (sql) => sql<WebhookRow[]>`
          insert into webhooks (id, organization_id, face, url, secret, enabled)
          values (${id}, ${organizationId}, ${face}, ${url}, ${secret}, ${enabled})
          on conflict (organization_id, face) where run_id is null do update set
            id = excluded.id, url = excluded.url, secret = excluded.secret, enabled = excluded.enabled, updated_at = now()
          returning *`,
      );
      if (row === undefined) throw new Error('the insert returned no row');
      return webhookFromRow(row);
    },
    async deleteOfOrganization(organizationId, face) {
      const deleted = await pool.transaction(
        (sql) => sql`delete from webhooks
          where organization_id = ${organizationId} and face = ${face} and run_id is null`,
      );
      return deleted.count > 0;
    },
    async setOfRun(organizationId, face, runId, webhooks) {
      await pool.transaction(async (sql) => {
        await sql`delete from webhooks where run_id = ${runId} and face = ${face}`;
        if (webhooks.length > 0) await insertRunWebhooks(sql, rowsOf(organizationId, face, runId, webhooks));
      });
    },
    async targets(organizationId, runId) {
      const rows = await pool.read(
        (sql) => sql<{ id: string }[]>`
          select id from webhooks w where run_id = ${runId}
          union all
          select id from webhooks w where organization_id = ${organizationId} and run_id is null and enabled
            and not exists (select from webhooks own where own.run_id = ${runId} and own.face = w.face)`,
      );
      return rows.map((row) => row.id);
    },
    async target(webhookId) {
      const [row] = await pool.read(
        (sql) => sql<WebhookRow[]>`select * from webhooks where id = ${webhookId} and enabled`,
      );
      if (row === undefined) return null;
      const { id, organization_id: organizationId, face, url, secret } = row;
      return { id, organizationId, face, url, secret };
    },
    async attempts(webhookId, runId, seq) {
      const [row] = await pool.read(
        (sql) => sql<{ attempts: number }[]>`select count(*) as attempts from webhook_deliveries
          where webhook_id = ${webhookId} and run_id = ${runId} and seq = ${seq}`,
      );
      return row?.attempts ?? 0;
    },
    async record(organizationId, runId, delivery) {
      await pool.transaction(
        (sql) => sql`
          insert into webhook_deliveries (organization_id, webhook_id, run_id, seq, event_type, attempt, status, error,
            is_last, started_at, duration_ms)
          values (${organizationId}, ${delivery.webhookId}, ${runId}, ${delivery.seq}, ${delivery.eventType},
            ${delivery.attempt}, ${delivery.status}, ${delivery.error}, ${delivery.isLast}, ${delivery.startedAt},
            ${delivery.durationMs})`,
      );
    },
    async deliveries(runId, limit) {
      const rows = await pool.read(
        (sql) => sql<DeliveryRow[]>`select * from webhook_deliveries where run_id = ${runId}
          order by id desc limit ${limit}`,
      );
      return rows.map(deliveryFromRow);
    },
  };
}

export interface RunWebhookRow {
  id: string;
  organization_id: number;
  face: RunOrigin;
  run_id: string;
  url: string;
  secret: string | null;
}

export function rowsOf(
  organizationId: number,
  face: RunOrigin,
  runId: string,
  webhooks: readonly SealedWebhook[],
): RunWebhookRow[] {
  return webhooks.map(({ id, url, secret }) => ({
    id,
    organization_id: organizationId,
    face,
    run_id: runId,
    url,
    secret,
  }));
}

/** Webhooks of runs, in the caller's transaction. */
export function insertRunWebhooks(sql: Sql, rows: readonly RunWebhookRow[]): PromiseLike<unknown> {
  return sql`
    insert into webhooks (id, organization_id, face, run_id, url, secret)
    select id, organization_id, face, run_id, url, secret
    from json_populate_recordset(null::webhooks, ${JSON.stringify(rows)}::json)`;
}

function webhookFromRow(row: WebhookRow): Webhook {
  return {
    id: row.id,
    url: row.url,
    enabled: row.enabled,
    hasSecret: row.secret !== null,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function deliveryFromRow(row: DeliveryRow): Delivery {
  const { status } = row;
  return {
    webhookId: row.webhook_id,
    seq: row.seq,
    eventType: row.event_type,
    attempt: row.attempt,
    isDelivered: status !== null && status >= 200 && status < 300,
    status,
    error: row.error,
    isLast: row.is_last,
    startedAt: row.started_at,
    durationMs: row.duration_ms,
  };
}
