import { withTimeLimit } from './time-limit.ts';

/** Longest text that a pattern is tried on; longer text counts as undecided. */
export const MAX_PATTERN_INPUT = 65_536;
/** Longest pattern that is compiled. */
export const MAX_PATTERN_LENGTH = 1_000;
/** Time that one test may take, milliseconds. */
const TIME_LIMIT_MS = 50;
/** Text up to this length is tried directly when the pattern can only be quadratic in it. */
const DIRECT_INPUT = 2_000;

export type PatternVerdict = 'match' | 'no_match' | 'undecided';

/** A regular expression of a stranger that can never hold up the process. */
export interface BoundedPattern {
  /** `undecided`: the time limit was reached, or the text is too long. The caller takes the careful side. */
  test(text: string): PatternVerdict;
}

export type PatternResult = { ok: true; pattern: BoundedPattern } | { ok: false; message: string };

/**
 * Compiles a regular expression that a user wrote. With at most one quantifier it needs at most quadratic time
 * and is tried directly on short text; every other one runs under the time limit of `node:vm`, which interrupts
 * backtracking too.
 */
export function boundedPattern(source: string, flags = 'u'): PatternResult {
  if (source.length > MAX_PATTERN_LENGTH) {
    return { ok: false, message: `the pattern is longer than ${MAX_PATTERN_LENGTH} characters` };
  }
  let expression: RegExp;
  try {
    expression = new RegExp(source, flags.replace(/[gy]/g, ''));
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : 'the pattern is not valid' };
  }
  const simple = (source.match(/[*+{?]/g) ?? []).length <= 1 && !/\\[1-9k]/.test(source);
  return {
    ok: true,
    pattern: {
      test(text: string): PatternVerdict {
        if (text.length > MAX_PATTERN_INPUT) return 'undecided';
        if (simple && text.length <= DIRECT_INPUT) return expression.test(text) ? 'match' : 'no_match';
        return testWithTimeLimit(expression, text);
      },
    },
  };
}

function testWithTimeLimit(expression: RegExp, text: string): PatternVerdict {
  try {
    return withTimeLimit(TIME_LIMIT_MS, () => expression.test(text)) ? 'match' : 'no_match';
  } catch {
    return 'undecided';
  }
}
