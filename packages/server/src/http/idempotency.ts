import { createHash } from 'node:crypto';
import { canonicalJson, storable } from '@fermata/protocol';
import type { StoredReply } from '../engine/errors.ts';
import type { Caller, CommandOptions } from '../engine/caller.ts';
import { COMMAND_DEADLINE_MS } from './limits.ts';
import { invalidRequest } from './problem.ts';

const MAX_KEY_LENGTH = 255;

/** What a command answers: a status and a JSON body; null stands for no body. */
export interface JsonReply {
  status: number;
  body: unknown;
}

/** The place of a keyed request: another principal, method or path is another request. */
export interface KeyedRequest {
  caller: Caller;
  method: string;
  /** Path below the face's prefix, so that two mounts of a face are one. */
  path: string;
  key: string;
  body: unknown;
}

/** The request's `Idempotency-Key`, or null. Throws `invalid_request` for one that cannot be a key. */
export function idempotencyKeyOf(header: string | string[] | undefined): string | null {
  if (header === undefined || header === '') return null;
  if (Array.isArray(header) || header.length > MAX_KEY_LENGTH) {
    throw invalidRequest([
      {
        path: 'headers.idempotency-key',
        message: `expected one key of at most ${MAX_KEY_LENGTH} characters`,
      },
    ]);
  }
  return header;
}

/** Options of a command; with a key, its reply is kept as `encode` gives it. */
export function commandOptions<T>(
  keyed: KeyedRequest | null,
  encode: (result: T) => JsonReply,
  now: number = Date.now(),
): CommandOptions {
  const deadlineAt = now + COMMAND_DEADLINE_MS;
  if (keyed === null) return { deadlineAt };
  return {
    deadlineAt,
    idempotency: {
      scope: scopeOf(keyed),
      fingerprint: fingerprintOf(keyed.body),
      // The engine hands back what the very command returns, which is T.
      encode: (result) => stored(encode(result as T)),
    },
  };
}

function stored(reply: JsonReply): StoredReply {
  return { status: reply.status, body: reply.body === null ? '' : JSON.stringify(reply.body) };
}

function scopeOf({ caller, method, path, key }: KeyedRequest): string {
  const parts = [String(caller.organizationId), caller.keyId, method, path, key];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** SHA-256 over the canonical JSON, so that the order of members does not matter. */
export function fingerprintOf(body: unknown): string {
  const value = storable(body);
  return createHash('sha256')
    .update(value.ok ? canonicalJson(value.value) : '')
    .digest('hex');
}
