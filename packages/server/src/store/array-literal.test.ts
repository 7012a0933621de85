import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrayLiteral, jsonArray, parseArray, plainArray } from './array-literal.ts';

describe('array literals', () => {
  test('any texts and nulls survive the way there and back', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.string({ unit: 'grapheme' }))), (values) => {
        expect(parseArray(arrayLiteral(values), String)).toEqual(values);
      }),
    );
  });

  test('what PostgreSQL quotes and what it does not is read alike', () => {
    expect(parseArray('{a,NULL,"b c","NULL","","{x,\\"y\\"}","back\\\\slash"}', String)).toEqual([
      'a',
      null,
      'b c',
      'NULL',
      '',
      '{x,"y"}',
      'back\\slash',
    ]);
    expect(parseArray('{}', String)).toEqual([]);
    expect(parseArray('{1,-2}', Number)).toEqual([1, -2]);
  });

  test('a literal stays as it is', () => {
    expect(arrayLiteral(plainArray([1, null, true]))).toBe('{1,NULL,true}');
    expect(arrayLiteral(jsonArray(['{"a":"\\n"}']))).toBe('{"{\\"a\\":\\"\\\\n\\"}"}');
  });
});
