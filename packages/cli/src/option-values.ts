import type { Json, JsonObject } from '@fermata/sdk';
import { InvalidArgumentError } from 'commander';

/** Parser of an option that takes JSON. */
export function jsonValue(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

/** Parser of an option that takes a JSON object. */
export function jsonObjectValue(text: string): JsonObject {
  const value = jsonValue(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new InvalidArgumentError('It must be a JSON object.');
}

/** Parser of an option that takes a whole number from 1. */
export function countValue(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

/** Parser of an option that takes a seq. */
export function seqValue(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a seq: a whole number from 0.');
}

/** Parser of a repeatable `key=value` option. */
export function pairValue(text: string, before: JsonObject = {}): JsonObject {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must have the form key=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Parser of an option that takes a comma list of the given words. */
export function wordsOf<T extends string>(words: readonly T[]): (text: string) => T[] {
  return (text) =>
    text.split(',').map((part) => {
      const word = words.find((known) => known === part.trim());
      if (word === undefined) throw new InvalidArgumentError(`Known are: ${words.join(', ')}.`);
      return word;
    });
}
