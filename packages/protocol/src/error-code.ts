/** Every error that the API can answer with, its HTTP status, and whether the same request may work later. */
export const ERROR_CODES = {
  invalid_request: { status: 422, retryable: false, title: 'The request is not valid' },
  malformed_json: { status: 400, retryable: false, title: 'The body is not JSON' },
  unauthenticated: { status: 401, retryable: false, title: 'No valid key was sent' },
  forbidden: { status: 403, retryable: false, title: 'The key may not do this' },
  not_found: { status: 404, retryable: false, title: 'There is no such thing' },
  method_not_allowed: { status: 405, retryable: false, title: 'This method is not allowed here' },
  payload_too_large: { status: 413, retryable: false, title: 'The body is too large' },
  unsupported_media_type: { status: 415, retryable: false, title: 'This content type is not supported' },
  invalid_transition: { status: 409, retryable: false, title: 'The run’s status does not allow this' },
  held: { status: 409, retryable: false, title: 'Other holds are on the run' },
  sealed: { status: 409, retryable: false, title: 'The run is sealed' },
  waits_open: { status: 409, retryable: false, title: 'The run has open waits' },
  wait_closed: { status: 409, retryable: false, title: 'The wait was decided already' },
  digest_required: { status: 422, retryable: false, title: 'The answer must name the digest it saw' },
  digest_mismatch: { status: 409, retryable: false, title: 'The call is not the one that was shown' },
  already_exists: { status: 409, retryable: false, title: 'It exists already' },
  version_mismatch: { status: 412, retryable: false, title: 'It has changed since' },
  idempotency_conflict: { status: 422, retryable: false, title: 'The idempotency key was used otherwise' },
  idempotency_in_flight: { status: 409, retryable: true, title: 'The first request is still in flight' },
  cursor_ahead: { status: 409, retryable: false, title: 'The cursor is ahead of the log' },
  cursor_expired: { status: 410, retryable: false, title: 'The cursor is no longer valid' },
  rate_limited: { status: 429, retryable: true, title: 'Too many requests' },
  quota_exceeded: { status: 429, retryable: true, title: 'The quota is used up' },
  budget_exhausted: { status: 409, retryable: false, title: 'The budget is used up' },
  not_configured: { status: 409, retryable: false, title: 'This is not configured' },
  not_supported: { status: 501, retryable: false, title: 'This is not supported' },
  unavailable: { status: 503, retryable: true, title: 'The server cannot do this now' },
  internal: { status: 500, retryable: true, title: 'Something went wrong in the server' },
} as const satisfies Record<string, { status: number; retryable: boolean; title: string }>;
export type ErrorCode = keyof typeof ERROR_CODES;

/** Why a run failed (`error.code` of a failed run). */
export const FAILURE_CODES = [
  'provider_failed',
  'provider_not_configured',
  'tool_failed',
  'timed_out',
  'max_turns',
  'budget_exhausted',
  'invalid_output',
  'step_failed',
  'crash_loop',
  'child_failed',
  'parent_cancelled',
  'reported',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];
