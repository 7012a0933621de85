import canonicalize from 'canonicalize';
import type { Json } from './json.ts';

/** RFC 8785 canonical JSON: the bytes over which digests are taken. */
export function canonicalJson(value: Json): string {
  return canonicalize(value) ?? 'null';
}
