import { MAX_DEPTH } from '@fermata/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../engine/errors.ts';
import { parseJsonBody } from './json-body.ts';
import { MAX_JSON_VALUES } from './limits.ts';

function codeOf(text: string | Buffer): string {
  try {
    parseJsonBody(Buffer.from(text));
    return 'parsed';
  } catch (error) {
    return error instanceof EngineError ? error.code : 'thrown';
  }
}

describe('parseJsonBody', () => {
  it('reads every JSON value as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        // -0 is no JSON value of its own, and what cannot be stored is replaced.
        const text = JSON.stringify(value).replaceAll('\\u0000', '');
        expect(JSON.stringify(parseJsonBody(Buffer.from(text)))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it('takes nesting up to the limit and refuses one level more', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(codeOf(nested(MAX_DEPTH))).toBe('parsed');
    expect(codeOf(nested(MAX_DEPTH + 1))).toBe('invalid_request');
    expect(codeOf('['.repeat(4_000_000))).toBe('invalid_request');
  });

  it('counts no brackets, commas or quotes within strings', () => {
    const text = JSON.stringify({ a: '[{'.repeat(1000), b: '\\"[[', c: ','.repeat(MAX_JSON_VALUES) });
    expect(codeOf(text)).toBe('parsed');
  });

  it('refuses more values than can be read without holding up everyone', () => {
    expect(codeOf(`[${'0,'.repeat(MAX_JSON_VALUES)}0]`)).toBe('payload_too_large');
  });

  it('takes a byte order mark, and replaces what is no UTF-8', () => {
    expect(parseJsonBody(Buffer.from('\ufeff{"a":1}'))).toEqual({ a: 1 });
    expect(parseJsonBody(Buffer.from([0x22, 0xff, 0x22]))).toBe('\ufffd');
  });

  it('refuses what is not JSON, also an open string', () => {
    for (const text of ['{', '"abc', '"\\', "{'a':1}", 'NaN', '[1,]', '']) {
      expect(codeOf(text), text).toBe('malformed_json');
    }
  });
});
