import type { JsonObject } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { compileSchema, problemText, type CompiledSchema } from './json-schema.ts';

function compiled(schema: JsonObject): CompiledSchema {
  const result = compileSchema(schema);
  if (!result.ok) throw new Error(result.message);
  return result;
}

describe('compileSchema', () => {
  it('names the first problem with its path', () => {
    const schema = compiled({
      type: 'object',
      properties: { amount: { type: 'number' } },
      required: ['amount'],
    });
    expect(schema.validate({ amount: 3 })).toBeNull();
    expect(schema.validate({ amount: 'three' })).toEqual({ path: '/amount', message: 'must be number' });
    expect(problemText({ path: '', message: 'must be object' })).toBe('must be object');
  });

  it('names the member that is too many and the values that are allowed', () => {
    const closed = compiled({ type: 'object', properties: {}, additionalProperties: false });
    expect(closed.validate({ extra: 1 })?.message).toContain('"extra"');
    expect(compiled({ enum: ['red', 'green'] }).validate('blue')?.message).toContain('["red","green"]');
  });

  it('follows 2020-12: prefixItems', () => {
    const schema = compiled({ type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }] });
    expect(schema.validate(['a', 1])).toBeNull();
    expect(schema.validate(['a', 'b'])).not.toBeNull();
  });

  it('follows draft-07 where $schema says so: tuples in items', () => {
    const schema = compiled({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'array',
      items: [{ type: 'string' }, { type: 'integer' }],
    });
    expect(schema.validate(['a', 1])).toBeNull();
    expect(schema.validate(['a', 'b'])).not.toBeNull();
  });

  it('checks formats', () => {
    const schema = compiled({ type: 'string', format: 'date-time' });
    expect(schema.validate('2026-01-01T00:00:00Z')).toBeNull();
    expect(schema.validate('yesterday')).not.toBeNull();
  });

  it('accepts schemas of two strangers with the same $id', () => {
    const first = compiled({ $id: 'https://example.com/s', type: 'string' });
    const second = compiled({ $id: 'https://example.com/s', type: 'number' });
    expect([first.validate('a'), second.validate(1)]).toEqual([null, null]);
    expect(first.validate(1)).not.toBeNull();
  });

  it('refuses a schema that is not valid, refers outside itself, or is too big', () => {
    expect(compileSchema({ type: 'objekt' })).toMatchObject({
      ok: false,
      message: expect.stringContaining('/type'),
    });
    expect(compileSchema({ $ref: 'https://example.com/other.json' })).toMatchObject({ ok: false });
    expect(compileSchema({ description: 'x'.repeat(200_000) })).toMatchObject({ ok: false });
    expect(compileSchema({ type: 'string', pattern: '(' })).toMatchObject({ ok: false });
  });

  it('gives up on a hostile pattern instead of hanging', () => {
    const schema = compiled({ type: 'string', pattern: '^(a+)+$' });
    const started = performance.now();
    expect(schema.validate('a'.repeat(50) + '!')?.message).toContain('too long');
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('validates recursive schemas', () => {
    const schema = compiled({
      type: 'object',
      properties: { next: { $ref: '#' } },
      additionalProperties: false,
    });
    expect(schema.validate({ next: { next: {} } })).toBeNull();
    expect(schema.validate({ next: { other: {} } })?.path).toBe('/next');
  });

  it('returns the same compiled schema for the same JSON in another order', () => {
    expect(compileSchema({ type: 'string', minLength: 1 })).toBe(
      compileSchema({ minLength: 1, type: 'string' }),
    );
  });

  it('ends a value that references would be tried on for ever, and a schema that is compiled for too long', () => {
    const bomb: JsonObject = { $ref: '#/$defs/d0', $defs: {} };
    for (let i = 0; i < 60; i += 1) {
      const next = { $ref: `#/$defs/d${i + 1}` };
      (bomb['$defs'] as JsonObject)[`d${i}`] = { allOf: [next, next] };
    }
    (bomb['$defs'] as JsonObject)['d60'] = { type: 'object' };
    const compiled = compileSchema(bomb);
    if (!compiled.ok) throw new Error(compiled.message);
    expect(compiled.validate({})?.message).toContain('takes longer than');
  });
});
