import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { ConfigError } from './config.ts';

/**
 * What a variable names by id or by file.
 * @throws ConfigError when a file cannot be read, or does not hold one
 */
export async function loadDefinition<T>(
  variable: string,
  value: string,
  noun: 'agent' | 'flow',
  schema: z.ZodType<T>,
): Promise<{ id: string } | { fields: T }> {
  if (new RegExp(`^${noun}_[0-9a-zA-Z]+$`).test(value)) return { id: value };
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(value, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`${variable} is neither the id of a saved ${noun} nor a JSON file: ${why}`]);
  }
  const fields = schema.safeParse(parsed);
  if (fields.success) return { fields: fields.data };
  const [issue] = fields.error.issues;
  throw new ConfigError([
    `${variable}: ${value} is no ${noun}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  ]);
}
