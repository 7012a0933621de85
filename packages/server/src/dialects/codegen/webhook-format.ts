import type { WebhookFormat } from '../../engine/facade-webhooks.ts';
import { encodeRun, runAtEvent } from './encode.ts';

/** The agent run as it was at the event, under `data`. Nobody has published the vendor's own form. */
export const codegenWebhookFormat: WebhookFormat = {
  signatureHeader: 'x-codegen-signature',
  encode: (run, event, { base }) => ({
    event_type: event.type,
    timestamp: event.at,
    data: encodeRun(runAtEvent(run, event), base),
  }),
};

/** What a test sends: no run of anybody. */
export function testWebhookBody(organizationId: number, at: string): string {
  return JSON.stringify({ event_type: 'test', timestamp: at, data: { organization_id: organizationId } });
}
