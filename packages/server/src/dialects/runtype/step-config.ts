import { isJsonObject, type Json, type JsonObject } from '@fermata/protocol';
import { invalidMember } from './errors.ts';

/** The members of a step's `config`, read one by one: it is loose on the wire, and unknown members are ignored. */
export interface StepConfig {
  readonly members: JsonObject;
  readonly path: string;
  /** The first of these that is a text and not empty. */
  text(...names: string[]): string | undefined;
  required(...names: string[]): string;
  number(...names: string[]): number | undefined;
  object(name: string): JsonObject | undefined;
  list(name: string): Json[];
}

export function stepConfig(members: JsonObject, path: string): StepConfig {
  function text(...names: string[]): string | undefined {
    for (const name of names) {
      const value = members[name];
      if (value === undefined || value === null || value === '') continue;
      if (typeof value !== 'string') throw invalidMember(`${path}.${name}`, 'expected a text');
      return value;
    }
    return undefined;
  }
  return {
    members,
    path,
    text,
    required(...names) {
      const value = text(...names);
      if (value === undefined) {
        throw invalidMember(`${path}.${names[0] ?? ''}`, 'Required', 'MISSING_REQUIRED_FIELD');
      }
      return value;
    },
    number(...names) {
      for (const name of names) {
        const value = members[name];
        if (value === undefined || value === null) continue;
        if (typeof value !== 'number') throw invalidMember(`${path}.${name}`, 'expected a number');
        return value;
      }
      return undefined;
    },
    object(name) {
      const value = members[name];
      if (value === undefined || value === null) return undefined;
      if (!isJsonObject(value)) throw invalidMember(`${path}.${name}`, 'expected an object');
      return value;
    },
    list(name) {
      const value = members[name];
      if (value === undefined || value === null) return [];
      if (!Array.isArray(value)) throw invalidMember(`${path}.${name}`, 'expected a list');
      return value;
    },
  };
}
