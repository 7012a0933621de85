import type { WebhooksFacade } from '../engine/facade-webhooks.ts';
import { createWebhooksFacade, type WebhooksPorts } from '../engine/webhook-commands.ts';
import type { JobTask } from './port.ts';
import { createWebhookSender, type SenderDeps } from './webhook-sender.ts';
import { createWebhookTasks, type WebhookTasksDeps } from './webhook-tasks.ts';

/** The facade of webhooks and the tasks that deliver to them, on one sender. */
export function createWebhooks(
  deps: SenderDeps & Omit<WebhooksPorts, 'send'> & Omit<WebhookTasksDeps, 'sender'>,
): { facade: WebhooksFacade; tasks: Record<string, JobTask> } {
  const sender = createWebhookSender(deps);
  return {
    facade: createWebhooksFacade({ ...deps, send: (face, message) => sender.send(face, message) }),
    tasks: createWebhookTasks({ ...deps, sender }),
  };
}
