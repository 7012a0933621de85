import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boundedPattern,
  MAX_PATTERN_INPUT,
  MAX_PATTERN_LENGTH,
  type BoundedPattern,
} from './bounded-pattern.ts';

function compiled(source: string): BoundedPattern {
  const result = boundedPattern(source);
  if (!result.ok) throw new Error(result.message);
  return result.pattern;
}

describe('a bounded pattern', () => {
  it.each([
    '(a+)+$',
    '(a|a)*$',
    '(a|aa)+$',
    '(.*a){20}$',
    'a*a*a*a*a*a*a*c',
    '(\\w+\\s?)*$',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
  ])('gives up on %s instead of hanging', (source) => {
    const started = performance.now();
    compiled(source).test('a'.repeat(5_000) + '!');
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('is undecided, not false, when the time limit was reached', () => {
    expect(compiled('(a+)+$').test('a'.repeat(60) + '!')).toBe('undecided');
  });

  it('agrees with a plain regular expression on ordinary patterns', () => {
    const sources = ['^a', 'b$', '^[a-c]+$', '\\d{2,3}', '(foo|bar)+', '^.*@example\\.com$', 'x?y?z?'];
    fc.assert(
      fc.property(fc.constantFrom(...sources), fc.string({ maxLength: 40 }), (source, text) => {
        expect(compiled(source).test(text)).toBe(new RegExp(source, 'u').test(text) ? 'match' : 'no_match');
      }),
      { numRuns: 300 },
    );
  });

  it('keeps no state between two tests', () => {
    const result = boundedPattern('a', 'gu');
    if (!result.ok) throw new Error(result.message);
    expect([result.pattern.test('a'), result.pattern.test('a')]).toEqual(['match', 'match']);
  });

  it('is undecided on text that is too long', () => {
    expect(compiled('a').test('b'.repeat(MAX_PATTERN_INPUT + 1))).toBe('undecided');
  });

  it('refuses a pattern that is not valid or too long', () => {
    expect(boundedPattern('(')).toMatchObject({ ok: false });
    expect(boundedPattern('a'.repeat(MAX_PATTERN_LENGTH + 1))).toMatchObject({ ok: false });
  });
});
