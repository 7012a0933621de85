/**
 * Why the embedded PostgreSQL cannot be used. Every message says what to do next.
 * - `already_running`: another server owns this data directory
 * - `unsupported`: this machine or account cannot run it; DATABASE_URL can be used instead
 * - `broken_data`: the data directory cannot be used as it is
 * - `not_starting`: PostgreSQL did not come up
 */
export type EmbeddedPostgresErrorCode = 'already_running' | 'unsupported' | 'broken_data' | 'not_starting';

/** A failure of the embedded PostgreSQL, to be shown to the operator as it is. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly code: EmbeddedPostgresErrorCode;

  constructor(code: EmbeddedPostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
