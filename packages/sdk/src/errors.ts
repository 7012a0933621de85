import type { ErrorCode, Problem } from '@fermata/protocol';

/**
 * What can go wrong on this side of the wire. `network_error`: no answer came. `timed_out`: none came in time.
 * `invalid_reply`: what came is not the native API (a proxy's page, another server).
 */
export type LocalErrorCode = 'network_error' | 'timed_out' | 'invalid_reply';
export type FermataErrorCode = ErrorCode | LocalErrorCode;

/** The members of problem+json that depend on the code: `errors`, `winner`, `openWaits`, `holds`, `digest` … */
export type ErrorDetails = Partial<
  Omit<Problem, 'code' | 'status' | 'retryable' | 'detail' | 'retryAfterMs'>
>;

export interface FermataErrorFields {
  code: FermataErrorCode;
  message: string;
  status?: number | null;
  retryable?: boolean;
  retryAfterMs?: number | null;
  details?: ErrorDetails;
  cause?: unknown;
}

/**
 * Every failure of the SDK but an abort by your own signal, which throws that signal's reason. Match on `code`;
 * the codes of the server are listed at `/docs/errors`.
 */
export class FermataError extends Error {
  override readonly name = 'FermataError';
  readonly code: FermataErrorCode;
  /** HTTP status; null when there was no answer. */
  readonly status: number | null;
  /** The same request may work later. */
  readonly retryable: boolean;
  /** How long the server asks to wait, ms; null when it does not say. */
  readonly retryAfterMs: number | null;
  readonly details: ErrorDetails;

  constructor(fields: FermataErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.status = fields.status ?? null;
    this.retryable = fields.retryable ?? false;
    this.retryAfterMs = fields.retryAfterMs ?? null;
    this.details = fields.details ?? {};
  }

  /** Id of the request, as it stands in the server's log; null when there was no answer. */
  get requestId(): string | null {
    return this.details.instance ?? null;
  }
}

/** The error that a reply stands for; `body` is its text. Never throws. */
export function errorOfReply(status: number, headers: Headers, body: string): FermataError {
  const problem = readProblem(body);
  const retryAfterMs = problem?.retryAfterMs ?? readRetryAfter(headers.get('retry-after'));
  if (problem === null) {
    return new FermataError({
      code: codeOfStatus(status),
      message: `The server answered ${status} without a problem+json body${brief(body)}`,
      status,
      retryable: isGatewayStatus(status),
      retryAfterMs,
    });
  }
  const { code, status: _status, retryable, detail, retryAfterMs: _retryAfterMs, ...details } = problem;
  return new FermataError({ code, message: detail, status, retryable, retryAfterMs, details });
}

/** `Retry-After` in ms: seconds or an HTTP date (RFC 9110 10.2.3); null when absent or neither. */
export function readRetryAfter(header: string | null, now: number = Date.now()): number | null {
  if (header === null) return null;
  if (/^\s*\d+(\.\d+)?\s*$/.test(header)) return Math.ceil(Number(header) * 1000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

function readProblem(body: string): Problem | null {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null) return null;
    const isProblem = 'code' in value && typeof value.code === 'string' && 'detail' in value;
    return isProblem ? (value as Problem) : null;
  } catch {
    return null;
  }
}

/** Proxies answer for a server that is not there in their own words. */
function codeOfStatus(status: number): FermataErrorCode {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not_found';
  if (status === 413) return 'payload_too_large';
  if (status === 429) return 'rate_limited';
  if (isGatewayStatus(status)) return 'unavailable';
  return status >= 500 ? 'internal' : 'invalid_reply';
}

function isGatewayStatus(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

function brief(body: string): string {
  const text = body.replaceAll(/\s+/g, ' ').trim().slice(0, 200);
  return text === '' ? '.' : `: ${text}`;
}
