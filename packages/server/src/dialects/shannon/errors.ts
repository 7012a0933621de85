import type { ErrorCode, JsonObject } from '@fermata/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EngineError } from '../../engine/errors.ts';
import { logFailure, toEngineError } from '../../http/known-error.ts';
import { sendJson } from './send-json.ts';

/** A refusal in Shannon's own shape: most have the one key `error`. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly status: number;
  readonly body: JsonObject;

  constructor(status: number, body: JsonObject) {
    super(typeof body['error'] === 'string' ? body['error'] : `status ${status}`);
    this.status = status;
    this.body = body;
  }
}

export function badRequest(message: string): WireError {
  return new WireError(400, { error: message });
}

interface WireAnswer {
  status: number;
  /** Absent: the message of the error itself, which is made to be shown. */
  error?: string;
}

/** What every error of the engine is on this wire. Routes give their own words where the wire has them. */
const WIRE_ANSWERS = {
  invalid_request: { status: 400 },
  malformed_json: { status: 400 },
  unauthenticated: { status: 401, error: 'Unauthorized' },
  forbidden: { status: 403, error: 'Forbidden' },
  not_found: { status: 404, error: 'Task not found' },
  method_not_allowed: { status: 405, error: 'Method Not Allowed' },
  payload_too_large: { status: 413, error: 'Request body too large' },
  unsupported_media_type: { status: 415 },
  invalid_transition: { status: 409 },
  held: { status: 403, error: 'Forbidden' },
  sealed: { status: 409 },
  waits_open: { status: 409 },
  wait_closed: { status: 409 },
  digest_required: { status: 400 },
  digest_mismatch: { status: 409 },
  already_exists: { status: 409 },
  version_mismatch: { status: 409 },
  idempotency_conflict: { status: 409 },
  idempotency_in_flight: { status: 409 },
  cursor_ahead: { status: 400, error: 'Invalid last_event_id' },
  cursor_expired: { status: 400, error: 'Invalid last_event_id' },
  rate_limited: { status: 429, error: 'Rate limit exceeded' },
  quota_exceeded: { status: 429, error: 'Rate limit exceeded' },
  budget_exhausted: { status: 409 },
  not_configured: { status: 400 },
  not_supported: { status: 501 },
  unavailable: { status: 503, error: 'Service unavailable' },
  internal: { status: 500, error: 'Internal server error' },
} satisfies Record<ErrorCode, WireAnswer>;

/** Status and body of an error of the engine. */
export function wireErrorOf(error: EngineError): WireError {
  const answer: WireAnswer = WIRE_ANSWERS[error.code];
  return new WireError(answer.status, { error: answer.error ?? error.message });
}

/** The status that a code has on this wire. */
export function wireStatus(code: ErrorCode): number {
  return WIRE_ANSWERS[code].status;
}

/** Answers any thrown value in Shannon's shape and writes its log line. */
export function sendWireError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = thrown instanceof WireError ? null : toEngineError(thrown);
  if (known !== null) logFailure(request, known);
  if (known?.code === 'method_not_allowed') return sendPlain(reply, 405, 'Method Not Allowed');
  const error = known === null ? (thrown as WireError) : wireErrorOf(known);
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer realm="Shannon API"');
  if (known?.details.retryAfterMs !== undefined) {
    void reply.header('retry-after', Math.max(1, Math.ceil(known.details.retryAfterMs / 1000)));
  }
  return sendJson(reply, error.status, error.body);
}

/** Go's router answers an unknown path so. */
export function sendUnknownPath(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendPlain(reply, 404, '404 page not found');
}

function sendPlain(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'text/plain; charset=utf-8')
    .header('x-content-type-options', 'nosniff')
    .send(`${text}\n`);
}
