import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './config.ts';
import { loadPrices, type ConfiguredPrices } from './prices.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fermata-prices-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function load(value?: string): Promise<ConfiguredPrices> {
  return loadPrices(loadConfig(value === undefined ? {} : { FERMATA_PRICES: value }).config);
}

const TABLE = {
  'local/llama': { input: 0.1, output: 0.4 },
  'openai/*': { input: 1, cachedInput: 0, output: 2 },
};

describe('FERMATA_PRICES', () => {
  it('is JSON, or a file of it, or nothing', async () => {
    const file = join(folder, 'prices.json');
    await writeFile(file, JSON.stringify(TABLE));
    expect(await load(JSON.stringify(TABLE))).toEqual(TABLE);
    expect(await load(`  ${JSON.stringify(TABLE)}`)).toEqual(TABLE);
    expect(await load(file)).toEqual(TABLE);
    expect(await load()).toEqual({});
  });

  it.each([
    '{"a": ',
    '{"a/b": {"input": 1}}',
    '{"a/b": {"input": -1, "output": 1}}',
    '{"a/b": {"input": 1, "output": 1, "extra": 1}}',
    '/nowhere/prices.json',
  ])('that is wrong stops the start, with a line that says why: %s', async (value) => {
    const failed = load(value);
    await expect(failed).rejects.toThrow(ConfigError);
    await expect(failed).rejects.toThrow(/FERMATA_PRICES (is neither|must be)/);
  });
});
