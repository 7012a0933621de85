import type { Json } from './json.ts';

/** Deepest nesting that is stored. */
export const MAX_DEPTH = 100;
/** Largest event, bytes of its JSON; bigger values become blobs or are refused at the door. */
export const MAX_EVENT_BYTES = 262_144;

export type StorableResult = { ok: true; value: Json } | { ok: false; message: string };

const UNSTORABLE = /[\u0000\uD800-\uDFFF]/;

/** A string that PostgreSQL can keep: U+0000 and lone surrogates become U+FFFD. */
export function storableText(text: string): string {
  return UNSTORABLE.test(text) ? text.replaceAll('\u0000', '\uFFFD').toWellFormed() : text;
}

/**
 * A value that PostgreSQL can keep: U+0000 and lone surrogates become U+FFFD, in keys too. Nesting beyond
 * `MAX_DEPTH` is refused. Applied at every door, so that one bad value can never fail its batch mates.
 */
export function storable(value: unknown): StorableResult {
  try {
    return { ok: true, value: walk(value, 0) };
  } catch (error) {
    if (error instanceof TooDeep) return { ok: false, message: `nested deeper than ${MAX_DEPTH} levels` };
    throw error;
  }
}

class TooDeep extends Error {}

function walk(value: unknown, depth: number): Json {
  if (typeof value === 'string') return storableText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'boolean' || value === null) return value;
  if (typeof value !== 'object') return null;
  if (depth >= MAX_DEPTH) throw new TooDeep();
  if (Array.isArray(value)) return value.map((item) => walk(item, depth + 1));
  const out: { [key: string]: Json } = {};
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) define(out, storableText(key), walk(member, depth + 1));
  }
  return out;
}

/** `__proto__` must become a member, not a prototype. */
function define(target: { [key: string]: Json }, key: string, value: Json): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}

/** Cuts text at a code point, so that a delta never ends in half a surrogate pair. */
export function cutText(text: string, maxLength: number): [head: string, tail: string] {
  if (text.length <= maxLength) return [text, ''];
  const last = text.charCodeAt(maxLength - 1);
  const cut = last >= 0xd800 && last <= 0xdbff ? maxLength - 1 : maxLength;
  return [text.slice(0, cut), text.slice(cut)];
}
