import type { Actor, ErrorCode, Hold, OpenWait, RunStatus } from '@fermata/protocol';

/** What a refusal tells besides its code; every member is optional and safe to show. */
export interface ErrorDetails {
  errors?: { path: string; message: string }[];
  currentStatus?: RunStatus;
  openWaits?: OpenWait[];
  holds?: Hold[];
  winner?: { by: Actor; at: string; outcome: string; digest: string | null };
  /** The current digest, on `digest_required` and `digest_mismatch`. */
  digest?: string;
  retryAfterMs?: number;
}

/** A refusal or failure with a code of the closed union in `protocol`; match on `code`. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** The segment's epoch or claim is no longer the run's: it must stop, and nothing of it was committed. */
export class Fenced extends Error {
  override readonly name = 'Fenced';
}

/** The idempotency key was used before: here is the reply that was given then. Nothing was done now. */
export class ReplayedReply extends Error {
  override readonly name = 'ReplayedReply';
  readonly reply: StoredReply;

  constructor(reply: StoredReply) {
    super('replayed reply');
    this.reply = reply;
  }
}

export interface StoredReply {
  status: number;
  /** JSON text of the body. */
  body: string;
}
