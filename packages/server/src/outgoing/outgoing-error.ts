/**
 * What went wrong with an outgoing request. Before the first byte left: `blocked`, `invalid`, `dns`, `refused`
 * (also: not reachable, connection time-out), `tls`. After: `reset`, `timeout`, `too_large`, `redirects`.
 * `aborted` may be either.
 */
export type OutgoingErrorCode =
  | 'blocked'
  | 'invalid'
  | 'dns'
  | 'refused'
  | 'tls'
  | 'reset'
  | 'timeout'
  | 'too_large'
  | 'redirects'
  | 'aborted';

/** Thrown by the guarded fetch and by its response bodies. The message names host and cause, never headers or query. */
export class OutgoingError extends Error {
  override readonly name = 'OutgoingError';
  readonly code: OutgoingErrorCode;
  /** False only when it is certain that no byte of any request has left. */
  readonly sent: boolean;

  constructor(code: OutgoingErrorCode, message: string, options: { sent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = code;
    this.sent = options.sent;
  }
}
