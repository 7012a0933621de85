import { readFile } from 'node:fs/promises';
import { ERROR_CODES, type Json } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { errorsOf } from '../../http/route.ts';
import { nativeOpenApi } from './native-face.ts';
import { nativeOperations, nativeTags } from './operations.ts';

const FILE = new URL('../../../../../openapi/native.json', import.meta.url);
const document = nativeOpenApi();

describe('the OpenAPI document of the native API', () => {
  it('is the one that is committed: npm run openapi writes it', async () => {
    expect(await readFile(FILE, 'utf8')).toBe(`${JSON.stringify(document, null, 2)}\n`);
  });

  it('describes every member of every schema, and every parameter', () => {
    const missing: string[] = [];
    walk(document as unknown as Json, '', (schema, path) => {
      const { properties } = schema;
      if (typeof properties !== 'object' || properties === null || path.endsWith('/properties')) return;
      for (const [name, member] of Object.entries(properties)) {
        if (!isDescribed(member)) missing.push(`${path}/${name}`);
      }
    });
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const operation of Object.values(methods)) {
        for (const parameter of operation.parameters ?? []) {
          if (parameter.description === '') missing.push(`${path}?${parameter.name}`);
        }
      }
    }
    expect(missing).toEqual([]);
  });

  it('points only to components that it has', () => {
    const text = JSON.stringify(document);
    const names = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1] ?? '');
    const missing = new Set(names.filter((name) => !(name in document.components.schemas)));
    expect([...missing]).toEqual([]);
    expect(text).not.toContain('#/$defs/');
  });

  it('gives every operation an id, a tag that is described, its path’s parameters and known codes', () => {
    const tags = nativeTags.map((tag) => tag.name);
    const ids = nativeOperations.map((operation) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const operation of nativeOperations) {
      expect(tags).toContain(operation.tag);
      for (const code of errorsOf(operation)) expect(ERROR_CODES).toHaveProperty(code);
      const named = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const described = document.paths[operation.path]?.[operation.method.toLowerCase()]?.parameters ?? [];
      expect(described.filter((one) => one.in === 'path').map((one) => one.name)).toEqual(named);
    }
  });
});

function isDescribed(member: Json): boolean {
  if (typeof member !== 'object' || member === null || Array.isArray(member)) return false;
  if (typeof member['description'] === 'string' && member['description'] !== '') return true;
  const ref = member['$ref'];
  if (typeof ref === 'string') {
    return isDescribed(document.components.schemas[ref.slice(ref.lastIndexOf('/') + 1)] ?? null);
  }
  const union = member['anyOf'] ?? member['oneOf'];
  return Array.isArray(union) && union.some(isDescribed);
}

function walk(
  value: Json,
  path: string,
  visit: (schema: { [key: string]: Json }, path: string) => void,
): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) visit(value, path);
  for (const [key, member] of Object.entries(value)) walk(member, `${path}/${key}`, visit);
}
