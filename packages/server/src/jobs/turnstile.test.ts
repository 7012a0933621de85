import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Turnstile } from './turnstile.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Turnstile', () => {
  it('lets one pass at a time, in order', async () => {
    const turnstile = new Turnstile(1000);
    const passed: number[] = [];
    for (const id of [1, 2, 3]) void turnstile.enter().then(() => passed.push(id));
    await vi.advanceTimersByTimeAsync(0);
    expect(passed).toEqual([1]);
    turnstile.leave();
    await vi.advanceTimersByTimeAsync(0);
    expect(passed).toEqual([1, 2]);
    turnstile.leave();
    turnstile.leave();
    turnstile.leave();
    await vi.advanceTimersByTimeAsync(0);
    expect(passed).toEqual([1, 2, 3]);
    await turnstile.enter();
  });

  it('passes over a holder that never leaves', async () => {
    const turnstile = new Turnstile(1000);
    await turnstile.enter();
    const next = vi.fn();
    void turnstile.enter().then(next);
    await vi.advanceTimersByTimeAsync(999);
    expect(next).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(next).toHaveBeenCalled();
  });
});
