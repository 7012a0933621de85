import { EngineError } from './errors.ts';
import type { Caller } from './caller.ts';
import type {
  DeliveryOutcome,
  SealedWebhook,
  Webhook,
  WebhookStore,
  WebhooksFacade,
} from './facade-webhooks.ts';
import type { RunReads } from './ports.ts';
import { sealWebhooks } from './start-run.ts';

export interface WebhooksPorts {
  store: WebhookStore;
  runs: Pick<RunReads, 'byId'>;
  newWebhookId(): string;
  seal(plaintext: string, context: string): string;
  open(sealed: string, context: string): string;
  /** One request to a webhook of this face, now. */
  send(
    face: Caller['via'],
    request: { url: string; secret: string | null; body: string },
  ): Promise<DeliveryOutcome>;
}

/** The facade of webhooks. */
export function createWebhooksFacade(ports: WebhooksPorts): WebhooksFacade {
  const { store, runs, newWebhookId, seal } = ports;

  async function checkRun({ organizationId }: Caller, runId: string): Promise<void> {
    if ((await runs.byId(organizationId, runId)) === null)
      throw new EngineError('not_found', 'there is no such run');
  }

  return {
    async ofOrganization({ organizationId, via }) {
      const found = await store.ofOrganization(organizationId, via);
      return found === null ? null : shown(found);
    },
    async setOfOrganization({ organizationId, via }, { url, secret, enabled }) {
      const known = await store.ofOrganization(organizationId, via);
      const id = known?.id ?? newWebhookId();
      const sealed =
        secret === undefined ? (known?.secret ?? null) : secret === null ? null : seal(secret, id);
      return store.setOfOrganization(organizationId, via, { id, url, secret: sealed, enabled });
    },
    deleteOfOrganization: ({ organizationId, via }) => store.deleteOfOrganization(organizationId, via),
    async setOfRun(caller, runId, webhooks) {
      await checkRun(caller, runId);
      const sealed: SealedWebhook[] = sealWebhooks({ newWebhookId, seal }, webhooks);
      await store.setOfRun(caller.organizationId, caller.via, runId, sealed);
    },
    async test({ organizationId, via }, url, body) {
      const known = await store.ofOrganization(organizationId, via);
      const sealed = known?.secret ?? null;
      const secret = known === null || sealed === null ? null : ports.open(sealed, known.id);
      return ports.send(via, { url, secret, body });
    },
    async deliveries(caller, runId) {
      await checkRun(caller, runId);
      return store.deliveries(runId, 100);
    },
  };
}

function shown({ id, url, enabled, hasSecret, createdAt, updatedAt }: Webhook): Webhook {
  return { id, url, enabled, hasSecret, createdAt, updatedAt };
}
