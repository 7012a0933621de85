import type { ErrorCode } from '@fermata/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EngineError } from '../../engine/errors.ts';
import { RETRY_AFTER_MS, setErrorHeaders } from '../../http/error-headers.ts';
import { logFailure, toEngineError } from '../../http/known-error.ts';
import { InvalidRequest } from './validation.ts';
import type { ErrorBody, ValidationItem } from './wire.ts';

interface WireError {
  status: number | 'validation';
  /** The vendor's general code and title (its documentation, "API errors"). */
  code: string;
  title: string;
}

const BAD_REQUEST = { code: '10015', title: 'Bad Request' };
const DUPLICATE = { code: '10012', title: 'Duplicate resource' };
const CONFLICT = { status: 409, ...BAD_REQUEST };
const UNEXPECTED = { code: '10007', title: 'Unexpected error' };

/** `validation` is answered with the status of the face's setting. */
const WIRE_ERRORS = {
  invalid_request: { status: 'validation', ...BAD_REQUEST },
  malformed_json: { status: 'validation', ...BAD_REQUEST },
  unauthenticated: { status: 401, code: '10009', title: 'Authentication failed' },
  forbidden: { status: 403, code: '10010', title: 'Authorization failed' },
  not_found: { status: 404, code: '10005', title: 'Resource not found' },
  method_not_allowed: { status: 405, code: '10015', title: 'Method not allowed' },
  payload_too_large: { status: 413, code: '10015', title: 'Payload too large' },
  unsupported_media_type: { status: 415, code: '10014', title: 'Unsupported Media Type' },
  invalid_transition: CONFLICT,
  held: CONFLICT,
  sealed: CONFLICT,
  waits_open: CONFLICT,
  wait_closed: CONFLICT,
  digest_required: { status: 'validation', ...BAD_REQUEST },
  digest_mismatch: CONFLICT,
  already_exists: { status: 409, ...DUPLICATE },
  version_mismatch: { status: 412, ...BAD_REQUEST },
  idempotency_conflict: { status: 422, ...BAD_REQUEST },
  idempotency_in_flight: CONFLICT,
  cursor_ahead: CONFLICT,
  cursor_expired: { status: 410, ...BAD_REQUEST },
  rate_limited: { status: 429, code: '10011', title: 'Too many requests' },
  quota_exceeded: { status: 429, code: '10011', title: 'Too many requests' },
  budget_exhausted: CONFLICT,
  not_configured: CONFLICT,
  not_supported: { status: 501, ...BAD_REQUEST, title: 'Not supported' },
  unavailable: { status: 503, code: '10007', title: 'Service unavailable' },
  internal: { status: 500, ...UNEXPECTED },
} as const satisfies Record<ErrorCode, WireError>;

const MISSING = { code: '10004', title: 'Missing required parameter' };
const INVALID_ID = { code: '10006', title: 'Invalid ID' };
const MAX_MESSAGE_LENGTH = 2000;
/** When a client is told to come back, where the engine does not say, ms. */

/** The status that answers an error code, where requests that are not valid get `validationStatus`. */
export function statusOf(code: ErrorCode, validationStatus: number): number {
  const { status } = WIRE_ERRORS[code];
  return status === 'validation' ? validationStatus : status;
}

/** Answers any thrown value in the vendor's form. */
export function sendTelnyxError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  validationStatus: number,
): FastifyReply {
  const error = toEngineError(thrown);
  logFailure(request, error);
  const status = statusOf(error.code, validationStatus);
  // The SDK would repeat a 409 twice.
  if (status < 500 && status !== 408 && status !== 429) void reply.header('x-should-retry', 'false');
  if (status === 429 || status === 503) {
    void reply.header('retry-after-ms', error.details.retryAfterMs ?? RETRY_AFTER_MS);
  }
  setErrorHeaders(reply, status, error);
  return reply
    .code(status)
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(errorBody(error)));
}

/** The body of an error. One that nobody expected never shows its own message. */
export function errorBody(error: EngineError): ErrorBody {
  const wire = WIRE_ERRORS[error.code];
  const { code, title } = wire;
  const message = (error.code === 'internal' ? 'Something went wrong in the server.' : error.message).slice(
    0,
    MAX_MESSAGE_LENGTH,
  );
  if (wire.status !== 'validation')
    return { message, errors: [{ code, title, detail: message, meta: metaOf(code) }] };
  const detail = error instanceof InvalidRequest ? [...error.items] : itemsOf(error);
  return { message, errors: detail.map(errorOf), detail };
}

function errorOf({ loc, msg, type }: ValidationItem): ErrorBody['errors'][number] {
  const { code, title } = type === 'missing' ? MISSING : type === 'uuid_parsing' ? INVALID_ID : BAD_REQUEST;
  return { code, title, detail: msg, meta: metaOf(code), source: { pointer: pointerOf(loc) } };
}

/** `['body', 'steps', 0, 'step_id']` is `/body/steps[0]/step_id`, as the vendor's gateway writes it. */
function pointerOf(loc: ValidationItem['loc']): string {
  return loc.map((step) => (typeof step === 'number' ? `[${step}]` : `/${step}`)).join('');
}

function metaOf(code: string): { url: string } {
  return { url: `https://developers.telnyx.com/docs/overview/errors/${code}` };
}

/** Faults that were found below the edge, by their places. */
function itemsOf(error: EngineError): ValidationItem[] {
  const type = error.code === 'malformed_json' ? 'json_invalid' : 'value_error';
  const faults = error.details.errors ?? [{ path: 'body', message: error.message }];
  return faults.map(({ path, message }) => ({ loc: locOf(path), msg: message, type }));
}

function locOf(path: string): ValidationItem['loc'] {
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '');
  const loc = steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  return loc[0] === 'body' || loc[0] === 'query' || loc[0] === 'path' || loc[0] === 'headers'
    ? loc
    : ['body', ...loc];
}
