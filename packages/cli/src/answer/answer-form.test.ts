import { describe, expect, it } from 'vitest';
import { faultOf, formOf, type Field } from './answer-form.ts';

function field(kind: Field['kind'], more: Partial<Field> = {}): Field {
  return { name: 'f', label: 'f', isRequired: true, initial: undefined, kind, ...more };
}

describe('formOf', () => {
  it('asks for a scalar itself', () => {
    expect(formOf({ type: 'boolean', title: 'Go on?' })).toEqual([
      { name: null, label: 'Go on?', isRequired: true, initial: undefined, kind: { type: 'boolean' } },
    ]);
    expect(formOf({ enum: ['a', 1, null] })?.[0]?.kind).toEqual({ type: 'choice', values: ['a', 1, null] });
  });

  it('asks for the members of a flat object, with their defaults', () => {
    const form = formOf({
      type: 'object',
      required: ['b'],
      properties: {
        a: { type: 'number', minimum: 1, default: 2 },
        b: { type: 'array', items: { enum: ['x', 'y'] } },
      },
    });
    expect(form).toEqual([
      {
        name: 'a',
        label: 'a',
        isRequired: false,
        initial: 2,
        kind: { type: 'number', isInteger: false, min: 1, max: Number.POSITIVE_INFINITY },
      },
      {
        name: 'b',
        label: 'b',
        isRequired: true,
        initial: undefined,
        kind: { type: 'choices', values: ['x', 'y'] },
      },
    ]);
  });

  it.each([
    {},
    { type: ['string', 'null'] },
    { type: 'object' },
    { type: 'object', properties: {} },
    { type: 'object', properties: { a: { type: 'object', properties: {} } } },
    { type: 'object', properties: { a: { $ref: '#/$defs/a' } } },
    { type: 'object', properties: { a: { type: 'string' } }, oneOf: [] },
    { type: 'array', items: { type: 'string' } },
    { type: 'object', properties: { a: true } },
  ])('leaves %j to JSON', (schema) => {
    expect(formOf(schema)).toBeNull();
  });
});

describe('faultOf', () => {
  it('holds a number to its bounds', () => {
    const whole = field({ type: 'number', isInteger: true, min: 1, max: 9 });
    expect(['', 'x', '1.5', '0', '10', '7', '1e0'].map((text) => faultOf(whole, text))).toEqual([
      'a number is needed',
      'a number is needed',
      'a whole number is needed',
      'at least 1',
      'at most 9',
      undefined,
      undefined,
    ]);
  });

  it('holds a text to its length, in characters', () => {
    const text = field({ type: 'text', minLength: 2, maxLength: 3 });
    expect(['', '🎼', '🎼🎼', 'abcd'].map((typed) => faultOf(text, typed))).toEqual([
      'at least 2 characters',
      'at least 2 characters',
      undefined,
      'at most 3 characters',
    ]);
  });

  it('lets an optional field be left out', () => {
    const optional = field({ type: 'number', isInteger: false, min: 1, max: 9 }, { isRequired: false });
    expect(faultOf(optional, '')).toBeUndefined();
  });
});
