import { ERROR_CODES } from '@fermata/protocol';
import type { FastifyRequest } from 'fastify';
import { EngineError } from '../engine/errors.ts';

/**
 * Any thrown value as an `EngineError`: the framework's own refusals get their code, everything unknown is
 * `internal` and keeps its message to itself (the original is the `cause`, for the log).
 */
export function toEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  if (isBrokenOff(error)) return new EngineError('malformed_json', 'The body broke off.', {}, error);
  const { statusCode, code } = refusalOf(error);
  switch (statusCode) {
    case 400:
      return new EngineError(
        'malformed_json',
        code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH'
          ? 'The body is not as long as Content-Length says.'
          : 'The body could not be read.',
        {},
        error,
      );
    case 413:
      return new EngineError('payload_too_large', 'The body is larger than this operation takes.', {}, error);
    case 415:
      return new EngineError('unsupported_media_type', 'Send the body as application/json.', {}, error);
    case 404:
    case 414:
      return new EngineError('not_found', 'There is nothing here.', {}, error);
    default:
      return new EngineError('internal', 'Something went wrong in the server.', {}, error);
  }
}

/** The client went away in the middle of its body: Node's `IncomingMessage` says so in these words. */
function isBrokenOff(error: unknown): boolean {
  return (
    error instanceof Error && error.message === 'aborted' && 'code' in error && error.code === 'ECONNRESET'
  );
}

function refusalOf(error: unknown): { statusCode: number | null; code: string | null } {
  if (!(error instanceof Error)) return { statusCode: null, code: null };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  const isFramework = code !== null && code.startsWith('FST_');
  const statusCode =
    isFramework && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : null;
  return { statusCode, code };
}

/** Writes the one log line of a failed request: 4xx info, 5xx error with its cause. */
export function logFailure(request: FastifyRequest, error: EngineError): void {
  const status = ERROR_CODES[error.code].status;
  const line = {
    requestId: request.id,
    method: request.method,
    route: request.routeOptions.url ?? null,
    code: error.code,
    status,
  };
  if (status < 500) request.log.info({ ...line, detail: error.message }, 'request refused');
  else if (error.code === 'not_supported') request.log.info(line, 'request not supported');
  else request.log.error({ ...line, err: error.cause ?? error }, 'request failed');
}
