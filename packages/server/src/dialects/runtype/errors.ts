import { ERROR_CODES, type ErrorCode } from '@fermata/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EngineError } from '../../engine/errors.ts';
import { setErrorHeaders } from '../../http/error-headers.ts';
import { logFailure, toEngineError } from '../../http/known-error.ts';
import { wirePlace } from './step-places.ts';
import type { ErrorBody, ErrorDetail } from './wire.ts';

/** A refusal with a status, members or details of this wire's own. */
export class RuntypeError extends EngineError {
  readonly status: number;
  readonly wireDetails: readonly ErrorDetail[];
  /** Members beside `error` and `details`: `code`, `hint` and such. */
  readonly members: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    extra: {
      status?: number;
      details?: readonly ErrorDetail[];
      members?: Record<string, string>;
      retryAfterMs?: number;
    } = {},
  ) {
    super(code, message, extra.retryAfterMs === undefined ? {} : { retryAfterMs: extra.retryAfterMs });
    this.status = extra.status ?? statusOf(code);
    this.wireDetails = extra.details ?? [];
    this.members = extra.members ?? {};
  }
}

/** A member that is absent, empty or not what it must be. Source: wire section 1.1. */
export function invalidMember(path: string, message: string, code = 'INVALID_VALUE'): RuntypeError {
  return new RuntypeError('invalid_request', `${path}: ${message}`, { details: [{ path, message, code }] });
}

/** Source: wire section 1.2; widgets know this text. */
export function noExecution(executionId: string): RuntypeError {
  return new RuntypeError('not_found', `No paused execution found for ${executionId}`);
}

const MAX_MESSAGE_LENGTH = 2000;

/** Every code of the engine on this wire, where it is not the status of the native API. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  invalid_request: 400,
  digest_required: 400,
  not_supported: 422,
  not_configured: 422,
  budget_exhausted: 402,
  cursor_ahead: 400,
  version_mismatch: 409,
};

export function statusOf(code: ErrorCode): number {
  return STATUSES[code] ?? ERROR_CODES[code].status;
}

/** Answers any thrown value as `{error, details?}`. */
export function sendRuntypeError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = toEngineError(thrown);
  logFailure(request, error);
  const status = error instanceof RuntypeError ? error.status : statusOf(error.code);
  setErrorHeaders(reply, status, error);
  return reply
    .code(status)
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(errorBodyOf(error)));
}

function errorBodyOf(error: EngineError): ErrorBody {
  const message = error.code === 'internal' ? 'Internal server error' : error.message;
  const told = detailsOf(error);
  const details = told.map((detail) =>
    detail.path === undefined ? detail : { ...detail, path: wirePlace(detail.path) },
  );
  return {
    error: placed(message, told[0]?.path).slice(0, MAX_MESSAGE_LENGTH),
    ...(details.length > 0 && { details }),
    code: error.code,
    ...(error instanceof RuntypeError && error.members),
  };
}

/** A message that begins with the place of its fault names that of the wire. */
function placed(message: string, path: string | undefined): string {
  if (path === undefined || !message.startsWith(`${path}: `)) return message;
  return wirePlace(path) + message.slice(path.length);
}

function detailsOf(error: EngineError): ErrorDetail[] {
  if (error instanceof RuntypeError && error.wireDetails.length > 0) return [...error.wireDetails];
  return (error.details.errors ?? []).map(({ path, message }) => ({
    path: path.replace(/^body\.?/, ''),
    message,
    code: 'INVALID_VALUE',
  }));
}
