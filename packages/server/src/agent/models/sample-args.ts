import { isJsonObject, type Json, type JsonObject } from '@fermata/protocol';

const MAX_DEPTH = 6;

const FORMATS: Readonly<Record<string, string>> = {
  email: 'someone@example.com',
  'date-time': '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  time: '00:00:00Z',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
};

/** Arguments that fit a plain JSON Schema: what it requires, with `text` where a string is free. */
export function sampleArgs(schema: JsonObject, text: string): JsonObject {
  const value = sample(schema, text.trim() === '' ? 'hello' : text.trim(), 0);
  return isJsonObject(value) ? value : {};
}

function sample(schema: Json | undefined, text: string, depth: number): Json {
  if (!isJsonObject(schema) || depth > MAX_DEPTH) return null;
  for (const key of ['const', 'default'] as const) if (schema[key] !== undefined) return schema[key];
  for (const key of ['enum', 'examples'] as const) {
    const choices = schema[key];
    if (Array.isArray(choices) && choices[0] !== undefined) return choices[0];
  }
  for (const key of ['oneOf', 'anyOf'] as const) {
    const branches = schema[key];
    if (Array.isArray(branches)) return sample(branches[0], text, depth + 1);
  }
  const type = Array.isArray(schema['type']) ? schema['type'][0] : schema['type'];
  if (type === 'string') return sampleString(schema, text);
  if (type === 'number' || type === 'integer') return sampleNumber(schema);
  if (type === 'boolean') return true;
  if (type === 'array') {
    const length = Math.min(Number(schema['minItems'] ?? 0), 20);
    return Array.from({ length }, () => sample(schema['items'], text, depth + 1));
  }
  return type === undefined || type === 'object' ? sampleObject(schema, text, depth) : null;
}

function sampleObject(schema: JsonObject, text: string, depth: number): JsonObject {
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const out: JsonObject = {};
  for (const key of required) {
    if (typeof key === 'string') out[key] = sample(properties[key] ?? { type: 'string' }, text, depth + 1);
  }
  return out;
}

function sampleString(schema: JsonObject, text: string): string {
  const format = schema['format'];
  const known = typeof format === 'string' ? FORMATS[format] : undefined;
  if (known !== undefined) return known;
  const shortest = Number(schema['minLength'] ?? 0);
  const longest = Number(schema['maxLength'] ?? 1_000);
  return text.padEnd(shortest, '.').slice(0, longest).toWellFormed();
}

function sampleNumber(schema: JsonObject): number {
  const { minimum, exclusiveMinimum } = schema;
  if (typeof minimum === 'number') return Math.ceil(minimum);
  if (typeof exclusiveMinimum === 'number') return Math.floor(exclusiveMinimum) + 1;
  const most = schema['maximum'] ?? schema['exclusiveMaximum'];
  return typeof most === 'number' && most <= 1 ? Math.ceil(most) - 1 : 1;
}
