import type { FastifyReply } from 'fastify';
import type { EngineError } from '../engine/errors.ts';

/** When the error itself does not say when to come again. */
export const RETRY_AFTER_MS = 1_000;

/** What every face says beside an error's body: when to come again (whole seconds, at least 1), and how to sign in. */
export function setErrorHeaders(reply: FastifyReply, status: number, { details }: EngineError): void {
  if (status === 429 || status === 503) {
    const afterMs = details.retryAfterMs ?? RETRY_AFTER_MS;
    void reply.header('retry-after', Math.max(1, Math.ceil(afterMs / 1_000)));
  }
  if (status === 401) void reply.header('www-authenticate', 'Bearer');
  void reply.header('cache-control', 'no-store');
}
