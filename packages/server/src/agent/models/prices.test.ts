import { describe, expect, it } from 'vitest';
import { BUILT_IN_PRICES, createPrices } from './prices.ts';

const MILLION = { inputTokens: 1_000_000, outputTokens: 1_000_000 };

describe('prices', () => {
  it('are per million tokens, of input, cached input and output', () => {
    const prices = createPrices();
    expect(prices.costOf('openai/gpt-5.4', MILLION)).toBe(17.5);
    expect(prices.costOf('openai/gpt-5.4', { ...MILLION, cachedInputTokens: 1_000_000 })).toBe(15.25);
    expect(prices.costOf('openai/gpt-5.4', { inputTokens: 0, outputTokens: 0 })).toBe(0);
  });

  it('are null for a model that has none', () => {
    const prices = createPrices();
    expect(prices.costOf('local/llama', MILLION)).toBeNull();
    expect(prices.has('local/llama')).toBe(false);
    expect(prices.costOf('openai/gpt-5.4-unheard-of', MILLION)).toBeNull();
    expect(prices.costOf('openai/toString', MILLION)).toBeNull();
  });

  it('of dated names are those of the longest beginning', () => {
    const prices = createPrices();
    expect(prices.costOf('anthropic/claude-haiku-4-5-20251001', MILLION)).toBe(6);
    expect(prices.costOf('anthropic/claude-sonnet-4-6', MILLION)).toBe(18);
    expect(prices.costOf('anthropic/claude-opus-4-20250514', MILLION)).toBe(90);
  });

  it('of the operator go before the built-in ones, and may be less exact', () => {
    const prices = createPrices({
      'openai/*': { input: 1, output: 1 },
      'local/llama': { input: 0, output: 0.5 },
    });
    expect(prices.costOf('openai/gpt-5.4', MILLION)).toBe(2);
    expect(prices.costOf('openai/gpt-5.4', { ...MILLION, cachedInputTokens: 500_000 })).toBe(2);
    expect(prices.costOf('local/llama', MILLION)).toBe(0.5);
    expect(prices.costOf('script/echo', MILLION)).toBe(0);
  });

  it('never charge more cached tokens than were read', () => {
    const usage = { inputTokens: 10, outputTokens: 0, cachedInputTokens: 20 };
    expect(createPrices({ m: { input: 2, cachedInput: 1, output: 0 } }).costOf('m', usage)).toBe(0.00001);
  });

  it('are built in for the default models of every provider', () => {
    const prices = createPrices();
    for (const model of ['anthropic/claude-sonnet-4-6', 'openai/gpt-5.4', 'google/gemini-3.5-flash']) {
      expect(prices.has(model)).toBe(true);
    }
    for (const { input, cachedInput = input, output } of Object.values(BUILT_IN_PRICES)) {
      expect(cachedInput).toBeLessThanOrEqual(input);
      expect(input).toBeLessThanOrEqual(output);
    }
  });
});
