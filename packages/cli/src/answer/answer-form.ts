import type { Json, JsonObject } from '@fermata/sdk';

/** How one value is asked for. */
export type FieldKind =
  | { type: 'text'; minLength: number; maxLength: number }
  | { type: 'number'; isInteger: boolean; min: number; max: number }
  | { type: 'boolean' }
  | { type: 'choice'; values: Json[] }
  | { type: 'choices'; values: Json[] };

/** One question of a form. */
export interface Field {
  /** Member of the object; null when the value itself is asked for. */
  name: string | null;
  label: string;
  isRequired: boolean;
  initial: Json | undefined;
  kind: FieldKind;
}

/**
 * The questions for a JSON Schema (2020-12) that is simple enough to be asked one by one: a scalar, a choice,
 * or a flat object of such. Null for every other schema, which is then answered as JSON. The server checks the
 * answer against the schema in any case.
 */
export function formOf(schema: JsonObject): Field[] | null {
  const whole = kindOf(schema);
  if (whole !== null) return [fieldOf(null, schema, whole, true)];
  if (schema['type'] !== 'object' || hasCombination(schema)) return null;
  const properties = schema['properties'];
  if (!isObject(properties)) return null;
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const fields: Field[] = [];
  for (const [name, property] of Object.entries(properties)) {
    const kind = isObject(property) ? kindOf(property) : null;
    if (!isObject(property) || kind === null) return null;
    fields.push(fieldOf(name, property, kind, required.includes(name)));
  }
  return fields.length > 0 ? fields : null;
}

function fieldOf(name: string | null, schema: JsonObject, kind: FieldKind, isRequired: boolean): Field {
  const { title, description } = schema;
  const words = [typeof title === 'string' ? title : name, description].filter(
    (text): text is string => typeof text === 'string' && text !== '',
  );
  return {
    name,
    label: words.length > 0 ? words.join(': ') : 'Answer',
    isRequired,
    initial: schema['default'],
    kind,
  };
}

function kindOf(schema: JsonObject): FieldKind | null {
  if (hasCombination(schema)) return null;
  const values = valuesOf(schema);
  if (values !== null) return { type: 'choice', values };
  switch (schema['type']) {
    case 'string':
      return {
        type: 'text',
        minLength: numberOf(schema['minLength'], 0),
        maxLength: numberOf(schema['maxLength'], Number.POSITIVE_INFINITY),
      };
    case 'number':
    case 'integer':
      return {
        type: 'number',
        isInteger: schema['type'] === 'integer',
        min: numberOf(schema['minimum'], Number.NEGATIVE_INFINITY),
        max: numberOf(schema['maximum'], Number.POSITIVE_INFINITY),
      };
    case 'boolean':
      return { type: 'boolean' };
    case 'array': {
      const items = schema['items'];
      const some = isObject(items) ? valuesOf(items) : null;
      return some === null ? null : { type: 'choices', values: some };
    }
    default:
      return null;
  }
}

function valuesOf(schema: JsonObject): Json[] | null {
  if (Array.isArray(schema['enum']) && schema['enum'].length > 0) return schema['enum'];
  return schema['const'] === undefined ? null : [schema['const']];
}

function hasCombination(schema: JsonObject): boolean {
  return ['oneOf', 'anyOf', 'allOf', 'not', 'if', '$ref', '$dynamicRef'].some((word) => word in schema);
}

function numberOf(value: Json | undefined, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is wrong with the text that was typed for a field, or undefined. An empty text leaves an optional field out. */
export function faultOf(field: Field, text: string): string | undefined {
  const { kind, isRequired } = field;
  if (text === '' && !isRequired) return undefined;
  if (kind.type === 'text') {
    const length = [...text].length;
    if (text === '' && kind.minLength === 0 && field.name === null) return undefined;
    if (text === '' || length < kind.minLength) return `at least ${Math.max(1, kind.minLength)} characters`;
    return length > kind.maxLength ? `at most ${kind.maxLength} characters` : undefined;
  }
  if (kind.type !== 'number') return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) return 'a number is needed';
  if (kind.isInteger && !Number.isInteger(value)) return 'a whole number is needed';
  if (value < kind.min) return `at least ${kind.min}`;
  return value > kind.max ? `at most ${kind.max}` : undefined;
}
