import { ERROR_CODES, type ErrorCode } from '@fermata/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EngineError } from '../../engine/errors.ts';
import { setErrorHeaders } from '../../http/error-headers.ts';
import { logFailure, toEngineError } from '../../http/known-error.ts';
import { InvalidRequest } from './validation.ts';
import type { ErrorBody, ValidationItem } from './wire.ts';

/** An error with the vendor's own text, and a status where it is not that of the code. */
export class CodegenError extends EngineError {
  readonly status: number;

  constructor(code: ErrorCode, message: string, status: number = statusOf(code)) {
    super(code, message);
    this.status = status;
  }
}

export const RUN_NOT_FOUND = 'Agent run not found.';
const BANNED = 'This agent run is banned.';
const RATE_LIMITED = 'Rate limit exceeded. Please try again later.';
const INTERNAL = 'Internal Server Error';
const MAX_MESSAGE_LENGTH = 2000;
/** When a client is told to come back, where the engine does not say, ms. */

/** A conflict is never a 409: no client knows one. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  malformed_json: 422,
  invalid_transition: 403,
  held: 403,
  sealed: 403,
  waits_open: 403,
  wait_closed: 403,
  digest_mismatch: 403,
  budget_exhausted: 402,
};

/** The status that answers a code. */
export function statusOf(code: ErrorCode): number {
  return STATUSES[code] ?? ERROR_CODES[code].status;
}

/** Answers any thrown value in the vendor's form. */
export function sendCodegenError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = toEngineError(thrown);
  logFailure(request, error);
  const status = error instanceof CodegenError ? error.status : statusOf(error.code);
  setErrorHeaders(reply, status, error);
  return reply
    .code(status)
    .header('content-type', 'application/json')
    .send(JSON.stringify(errorBody(error, status)));
}

/** `message` and `status_code` as documented, and the same text as `detail`, which the CLI shows. */
function errorBody(error: EngineError, status: number): ErrorBody {
  if (status === 422) return { detail: itemsOf(error) };
  const message = messageOf(error).slice(0, MAX_MESSAGE_LENGTH);
  return { message, status_code: status, detail: message };
}

function messageOf(error: EngineError): string {
  if (error instanceof CodegenError) return error.message;
  switch (error.code) {
    case 'not_found':
      return RUN_NOT_FOUND;
    case 'sealed':
      return BANNED;
    case 'held': {
      const names = (error.details.holds ?? []).map((hold) => hold.name).join(', ');
      return `This agent run is held by ${names}; it cannot be resumed here.`;
    }
    case 'rate_limited':
      return RATE_LIMITED;
    case 'method_not_allowed':
      return 'Method Not Allowed';
    case 'internal':
      return INTERNAL;
    default:
      return error.message;
  }
}

function itemsOf(error: EngineError): ValidationItem[] {
  if (error instanceof InvalidRequest) return [...error.items];
  if (error.code === 'malformed_json') {
    return [{ type: 'json_invalid', loc: ['body', 0], msg: 'JSON decode error' }];
  }
  const faults = error.details.errors ?? [{ path: 'body', message: error.message }];
  return faults.map(({ path, message }) => ({
    type: 'value_error',
    loc: locOf(path),
    msg: `Value error, ${message}`,
  }));
}

function locOf(path: string): ValidationItem['loc'] {
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '');
  const loc = steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  return /^(?:body|query|path|headers)$/.test(String(loc[0])) ? loc : ['body', ...loc];
}
