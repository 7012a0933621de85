import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError, type Config } from './config.ts';

const dollars = z.number().min(0);
const pricesSchema = z.record(
  z.string(),
  z.strictObject({ input: dollars, cachedInput: dollars.optional(), output: dollars }),
);

/** US dollars per million tokens, by `provider/name`. */
export type ConfiguredPrices = z.output<typeof pricesSchema>;

/**
 * Reads `FERMATA_PRICES`, JSON or the path of a JSON file.
 * @throws ConfigError when the file cannot be read, or its content is no table of prices
 */
export async function loadPrices({ models }: Config): Promise<ConfiguredPrices> {
  const { prices } = models;
  if (prices === null) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(prices.trimStart().startsWith('{') ? prices : await readFile(prices, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`FERMATA_PRICES is neither JSON nor a JSON file: ${why}`]);
  }
  const table = pricesSchema.safeParse(parsed);
  if (table.success) return table.data;
  const [issue] = table.error.issues;
  throw new ConfigError([
    `FERMATA_PRICES must be like {"local/llama": {"input": 0.1, "output": 0.4}}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  ]);
}
