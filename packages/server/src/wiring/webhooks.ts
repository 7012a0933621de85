import type { Config } from '../config/config.ts';
import { newIdOf } from '../engine/new-id.ts';
import type { EventReads, RunReads } from '../engine/ports.ts';
import type { Face } from '../http/face.ts';
import type { JobQueue } from '../jobs/port.ts';
import { webhookJob } from '../jobs/webhook-tasks.ts';
import { createWebhooks } from '../jobs/webhooks.ts';
import type { Logger } from '../observe/log.ts';
import type { GuardedFetch } from '../outgoing/guarded-fetch.ts';
import type { SecretBox } from '../secrets/secret-box.ts';
import type { AnnounceEvents } from '../store/committer-writes.ts';
import type { Pool } from '../store/pool.ts';
import { createWebhookStore, WEBHOOK_IS_WANTED } from '../store/webhooks.ts';

/** What the committer adds to its transaction for events that a webhook wants. */
export function announceOn(queue: JobQueue): AnnounceEvents {
  return (events) => queue.addStatement(events.map(webhookJob), WEBHOOK_IS_WANTED);
}

/** Webhooks of every face that has them. */
export function wireWebhooks(deps: {
  config: Config;
  faces: readonly Face[];
  pool: Pool;
  queue: JobQueue;
  runs: Pick<RunReads, 'byId'>;
  events: Pick<EventReads, 'page'>;
  fetch: GuardedFetch;
  box: SecretBox;
  logger: Logger;
}): ReturnType<typeof createWebhooks> {
  const { config, faces, pool, queue, box, ...rest } = deps;
  const { publicUrl, host, port } = config.server;
  return createWebhooks({
    ...rest,
    ...box,
    formatOf: (name) => faces.find((face) => face.name === name)?.webhookFormat,
    store: createWebhookStore(pool),
    newWebhookId: () => newIdOf('hook_'),
    // Of links that are sent where no request tells the address.
    linkBase: () => publicUrl ?? `http://${host}:${port}`,
    add: (jobs) => queue.add(jobs),
  });
}
