import { createHmac, randomUUID } from 'node:crypto';
import type { RunOrigin } from '@fermata/protocol';
import type { DeliveryOutcome, WebhookFormat } from '../engine/facade-webhooks.ts';
import type { GuardedFetch } from '../outgoing/guarded-fetch.ts';
import { OutgoingError } from '../outgoing/outgoing-error.ts';

/** One event to one webhook. */
export interface WebhookMessage {
  url: string;
  /** The same for every attempt, so that the receiver can tell repeats; absent: of its own. */
  id?: string;
  body: string;
  secret: string | null;
}

export type SendOutcome = DeliveryOutcome & {
  /** It is of no use to try again. */
  isHopeless: boolean;
};

export interface WebhookSender {
  /** Undefined: there is no such face any more. */
  formatOf(face: RunOrigin): WebhookFormat | undefined;
  /** Sends it once. Only a 2xx counts as delivered, and redirects are not followed. Never rejects. */
  send(face: RunOrigin, message: WebhookMessage, signal?: AbortSignal): Promise<SendOutcome>;
}

export interface SenderDeps {
  /** Reaches public addresses only. */
  fetch: GuardedFetch;
  formatOf(face: RunOrigin): WebhookFormat | undefined;
}

export function createWebhookSender(deps: SenderDeps): WebhookSender {
  return {
    formatOf: (face) => deps.formatOf(face),
    send(face, message, signal) {
      const signatureHeader = deps.formatOf(face)?.signatureHeader ?? null;
      const id = message.id ?? `msg_${randomUUID().replaceAll('-', '')}`;
      return send(deps.fetch, { ...message, id, signatureHeader }, signal);
    },
  };
}

interface SignedMessage extends WebhookMessage {
  id: string;
  /** A further header with the HMAC of the body alone, as `sha256=<hex>`. */
  signatureHeader: string | null;
}

const TIMEOUT_MS = 15_000;
/** The answer is not looked at. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** The other side says that it is not there any more. */
const GONE = 410;

async function send(fetch: GuardedFetch, message: SignedMessage, signal?: AbortSignal): Promise<SendOutcome> {
  try {
    const response = await fetch(message.url, {
      method: 'POST',
      headers: headersOf(message, Math.floor(Date.now() / 1000)),
      body: message.body,
      redirect: 'manual',
      limits: { timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES },
      ...(signal === undefined ? {} : { signal }),
    });
    await response.body?.cancel().catch(() => {});
    const { status } = response;
    const isDelivered = status >= 200 && status < 300;
    const error = isDelivered ? null : `answered ${status}`;
    return { isDelivered, status, error, isHopeless: status === GONE };
  } catch (error) {
    if (!(error instanceof OutgoingError)) throw error;
    const isHopeless = error.code === 'blocked' || error.code === 'invalid';
    return { isDelivered: false, status: null, error: error.message, isHopeless };
  }
}

/**
 * Headers of a message that is sent at this time (s since 1970), signed as Standard Webhooks says.
 * Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
 */
export function headersOf(message: SignedMessage, timestamp: number): Record<string, string> {
  const { id, body, secret, signatureHeader } = message;
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
  };
  if (secret === null) return headers;
  const signed = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    ...headers,
    'webhook-signature': `v1,${signed}`,
    ...(signatureHeader !== null && {
      [signatureHeader]: `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    }),
  };
}

/** `whsec_` marks a secret in base64; any other one is taken as it is. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_')
    ? Buffer.from(secret.slice('whsec_'.length), 'base64')
    : Buffer.from(secret, 'utf8');
}
