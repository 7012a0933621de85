import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';

describe('a cursor', () => {
  it('gives back what was put in, and fits into a URL', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.maxSafeInteger())), (values) => {
        const cursor = encodeCursor('list', values);
        expect(cursor).toMatch(/^[\w-]+$/);
        expect(decodeCursor('list', cursor, values.length)).toEqual(values);
      }),
    );
    expect(decodeCursor('list', undefined, 1)).toBeNull();
  });

  it('of another list, of another shape, or of somebody’s own making is refused', () => {
    const refusal = expect.objectContaining({ code: 'invalid_request' }) as unknown;
    const decode = (cursor: string): unknown => {
      try {
        return decodeCursor('list', cursor, 1);
      } catch (error) {
        return error;
      }
    };
    for (const cursor of [
      encodeCursor('other', [1]),
      encodeCursor('list', [1, 2]),
      encodeCursor('list', [0.5]),
    ]) {
      expect(decode(cursor)).toEqual(refusal);
    }
    const own = Buffer.from('["list",{"a":1}]').toString('base64url');
    for (const cursor of ['', '0', 'ünicode', 'bnVsbA', own]) expect(decode(cursor)).toEqual(refusal);
  });
});

describe('a page', () => {
  it('has a bounded limit and no negative offset', () => {
    expect([limitOf({}), limitOf({ limit: 0 }), limitOf({ limit: 1e9 }), limitOf({ limit: 7.9 })]).toEqual([
      20, 1, 1000, 7,
    ]);
    expect([
      offsetOf({}),
      offsetOf({ offset: -1 }),
      offsetOf({ offset: 3 }),
      offsetOf({ offset: 3, cursor: 'x' }),
    ]).toEqual([0, 0, 3, 0]);
  });

  it('goes on only when one more row was found than it holds', () => {
    const parts = { item: (row: number) => row * 10, cursor: (row: number) => `c${row}` };
    expect(pageOf([1, 2, 3], 2, parts)).toEqual({ data: [10, 20], nextCursor: 'c2' });
    expect(pageOf([1, 2], 2, { ...parts, total: 2 })).toEqual({ data: [10, 20], nextCursor: null, total: 2 });
    expect(pageOf([], 2, parts)).toEqual({ data: [], nextCursor: null });
  });
});
