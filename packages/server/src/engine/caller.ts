import type { Actor, Role, RunOrigin } from '@fermata/protocol';
import type { StoredReply } from './errors.ts';

/** Who asks, always from the credential. `via` is the face. */
export interface Caller {
  organizationId: number;
  principalId: string;
  keyId: string;
  role: Role;
  actor: Actor;
  via: RunOrigin;
  /** May approve without naming the digest of the call (role policy). */
  mayOmitDigest?: boolean;
}

/** How a reply is kept for repeats: `scope` hashes organization, credential, method, path and key. */
export interface Idempotency {
  scope: string;
  /** SHA-256 of the request body: another body under the same key is 422. */
  fingerprint: string;
  encode(result: unknown): StoredReply;
}

export interface CommandOptions {
  idempotency?: Idempotency;
  /** A command that has not begun by then is never begun (ms since 1970). */
  deadlineAt?: number;
}

export interface Page<T> {
  data: T[];
  nextCursor: string | null;
  /** Only when asked for. */
  total?: number;
}

export interface PageQuery {
  cursor?: string | undefined;
  /** Instead of a cursor. */
  offset?: number | undefined;
  limit?: number | undefined;
  order?: 'asc' | 'desc' | undefined;
  total?: boolean | undefined;
}
