import { MAX_DEPTH, storable, type Json } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import { MAX_JSON_VALUES } from './limits.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Parses a body into a value that can be stored: U+0000 and lone surrogates replaced, `__proto__` a plain
 * member. Throws `malformed_json`, `invalid_request` (nested too deep) or `payload_too_large` (too many values).
 * Depth and width are counted on the bytes first: building millions of objects would block for a second.
 */
export function parseJsonBody(body: Buffer): Json {
  checkShape(body);
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8').replace(/^\uFEFF/, ''));
  } catch {
    throw new EngineError('malformed_json', 'The body is not valid JSON.');
  }
  const result = storable(parsed);
  if (!result.ok) throw invalidBody(result.message);
  return result.value;
}

function checkShape(body: Buffer): void {
  let depth = 0;
  let values = 0;
  for (let i = 0; i < body.length; i += 1) {
    const byte = body[i];
    if (byte === QUOTE) {
      i = endOfString(body, i + 1);
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      values += 1;
      if (depth > MAX_DEPTH) throw invalidBody(`nested deeper than ${MAX_DEPTH} levels`);
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
    } else if (byte === COMMA) {
      values += 1;
    }
    if (values > MAX_JSON_VALUES) {
      throw new EngineError('payload_too_large', `The body has more than ${MAX_JSON_VALUES} values.`);
    }
  }
}

/** Index of the closing quote. */
function endOfString(body: Buffer, start: number): number {
  let i = start;
  while (i < body.length && body[i] !== QUOTE) i += body[i] === BACKSLASH ? 2 : 1;
  return i;
}

function invalidBody(message: string): EngineError {
  return new EngineError('invalid_request', `The body is ${message}.`, {
    errors: [{ path: 'body', message }],
  });
}
