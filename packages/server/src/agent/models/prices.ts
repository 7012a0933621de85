/** US dollars per million tokens. */
export interface ModelPrice {
  input: number;
  /** Of input that the provider had in its cache; as `input` unless given. */
  cachedInput?: number | undefined;
  output: number;
}

/** By `provider/name`; a name may end in `*`, and the longest beginning counts. */
export type PriceTable = Readonly<Record<string, ModelPrice>>;

/** When the built-in prices were looked up; a provider may have changed them since. */
export const PRICES_AS_OF = '2026-06-30';

const price = (input: number, cachedInput: number, output: number): ModelPrice => ({
  input,
  cachedInput,
  output,
});

/** List prices of well-known models for prompts of ordinary length, without discounts of batches or contracts. */
export const BUILT_IN_PRICES: PriceTable = {
  'anthropic/claude-opus-4-6*': price(5, 0.5, 25),
  'anthropic/claude-opus-4-5*': price(5, 0.5, 25),
  'anthropic/claude-opus-4-1*': price(15, 1.5, 75),
  'anthropic/claude-opus-4-2025*': price(15, 1.5, 75),
  'anthropic/claude-sonnet-4*': price(3, 0.3, 15),
  'anthropic/claude-haiku-4-5*': price(1, 0.1, 5),
  'anthropic/claude-3-5-haiku*': price(0.8, 0.08, 4),
  'openai/gpt-5.5': price(5, 0.5, 30),
  'openai/gpt-5.4': price(2.5, 0.25, 15),
  'openai/gpt-5.4-mini': price(0.75, 0.075, 4.5),
  'openai/gpt-5.2': price(1.75, 0.175, 14),
  'openai/gpt-5.1': price(1.25, 0.125, 10),
  'openai/gpt-5': price(1.25, 0.125, 10),
  'openai/gpt-5-mini': price(0.25, 0.025, 2),
  'openai/gpt-5-nano': price(0.05, 0.005, 0.4),
  'openai/gpt-4.1': price(2, 0.5, 8),
  'openai/gpt-4.1-mini': price(0.4, 0.1, 1.6),
  'openai/gpt-4.1-nano': price(0.1, 0.025, 0.4),
  'openai/gpt-4o': price(2.5, 1.25, 10),
  'openai/gpt-4o-mini': price(0.15, 0.075, 0.6),
  'openai/o3': price(2, 0.5, 8),
  'openai/o4-mini': price(1.1, 0.275, 4.4),
  'google/gemini-3.5-flash': price(1.5, 0.15, 9),
  'google/gemini-3.1-pro*': price(2, 0.2, 12),
  'google/gemini-3.1-flash-lite*': price(0.25, 0.025, 1.5),
  'google/gemini-3-pro*': price(2, 0.2, 12),
  'google/gemini-3-flash*': price(0.5, 0.05, 3),
  'google/gemini-2.5-pro': price(1.25, 0.125, 10),
  'google/gemini-2.5-flash': price(0.3, 0.03, 2.5),
  'google/gemini-2.5-flash-lite': price(0.1, 0.01, 0.4),
  // Built in: nobody is paid for them.
  'script/*': price(0, 0, 0),
};

export interface PricedUsage {
  inputTokens: number;
  outputTokens: number;
  /** Part of `inputTokens`. */
  cachedInputTokens?: number | undefined;
}

export interface Prices {
  /** US dollars of a call of `provider/name`, or null when the model has no price. */
  costOf(model: string, usage: PricedUsage): number | null;
  has(model: string): boolean;
}

/** `overrides` go before the built-in prices, whatever their names are. */
export function createPrices(overrides: PriceTable = {}): Prices {
  function find(model: string): ModelPrice | null {
    return lookUp(overrides, model) ?? lookUp(BUILT_IN_PRICES, model);
  }
  return {
    has: (model) => find(model) !== null,
    costOf(model, { inputTokens, outputTokens, cachedInputTokens = 0 }) {
      const found = find(model);
      if (found === null) return null;
      const cached = Math.min(cachedInputTokens, inputTokens);
      const { input, cachedInput = input, output } = found;
      return ((inputTokens - cached) * input + cached * cachedInput + outputTokens * output) / 1_000_000;
    },
  };
}

function lookUp(table: PriceTable, model: string): ModelPrice | null {
  if (Object.hasOwn(table, model)) return table[model] ?? null;
  let best: string | null = null;
  for (const name of Object.keys(table)) {
    if (!name.endsWith('*') || !model.startsWith(name.slice(0, -1))) continue;
    if (best === null || name.length > best.length) best = name;
  }
  return best === null ? null : (table[best] ?? null);
}
