import { describe, expect, it } from 'vitest';
import { TimeUp, withTimeLimit } from './time-limit.ts';

describe('work with a time limit', () => {
  it('gives what it gives, and throws what it throws', () => {
    expect(withTimeLimit(1_000, () => [1, 2])).toEqual([1, 2]);
    const own = new TypeError('mine');
    const failing = (): never => {
      throw own;
    };
    expect(() => withTimeLimit(1_000, failing)).toThrow(own);
  });

  it('is ended in the middle of a loop, also inside of other such work', () => {
    const forever = (): never => {
      for (;;) Math.random();
    };
    expect(() => withTimeLimit(20, forever)).toThrow(TimeUp);
    const inner = withTimeLimit(5_000, () => {
      expect(() => withTimeLimit(20, forever)).toThrow(TimeUp);
      return withTimeLimit(1_000, () => 'inner');
    });
    expect(inner).toBe('inner');
  });
});
