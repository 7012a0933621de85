import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '@fermata/protocol';

/** SHA-256 (hex) over RFC 8785 canonical JSON. */
export function digestOf(value: Json): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** Digest of the exact call that an approver sees and that execution checks. */
export function callDigest(tool: string, args: Json): string {
  return digestOf({ tool, args });
}
