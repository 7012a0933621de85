import { z } from 'zod';

/** What is wrong with a value, in the words of pydantic 2. */
export interface Fault {
  type: string;
  msg: string;
}

type Read = { value: unknown } | { fault: Fault };

const MISSING: Fault = { type: 'missing', msg: 'Field required' };

/** A field that is read as pydantic reads it in lax mode; `inner` describes what comes out. */
function field<T extends z.ZodType>(
  inner: T,
  read: (value: unknown) => Read,
  absent: Read = { fault: MISSING },
): z.ZodPreprocess<T> {
  return z.preprocess((value, context) => {
    const result = value === undefined ? absent : read(value);
    if ('value' in result) return result.value;
    const { type, msg } = result.fault;
    context.addIssue({ code: 'custom', message: msg, params: { type } });
    return z.NEVER;
  }, inner);
}

/** The same, but it may be absent or null: both are undefined. */
function optionalField<T extends z.ZodType>(
  inner: T,
  read: (value: unknown) => Read,
): z.ZodPreprocess<z.ZodOptional<T>> {
  const absent = { value: undefined };
  return field(inner.optional(), (value) => (value === null ? absent : read(value)), absent);
}

interface Range {
  min?: number;
  max?: number;
}

const INTEGER_TEXT = /^\s*[+-]?\d+(?:\.0+)?\s*$/;

function readInteger(value: unknown, { min, max }: Range): Read {
  const whole = wholeNumber(value);
  if ('fault' in whole) return whole;
  if (min !== undefined && whole.value < min) {
    return {
      fault: { type: 'greater_than_equal', msg: `Input should be greater than or equal to ${min}` },
    };
  }
  if (max !== undefined && whole.value > max) {
    return { fault: { type: 'less_than_equal', msg: `Input should be less than or equal to ${max}` } };
  }
  return whole;
}

function wholeNumber(value: unknown): { value: number } | { fault: Fault } {
  if (typeof value === 'string') {
    if (INTEGER_TEXT.test(value)) return { value: Number(value) };
    return {
      fault: {
        type: 'int_parsing',
        msg: 'Input should be a valid integer, unable to parse string as an integer',
      },
    };
  }
  if (typeof value === 'boolean') return { value: Number(value) };
  if (typeof value !== 'number')
    return { fault: { type: 'int_type', msg: 'Input should be a valid integer' } };
  if (Number.isInteger(value)) return { value };
  return {
    fault: {
      type: 'int_from_float',
      msg: 'Input should be a valid integer, got a number with a fractional part',
    },
  };
}

function integerSchema(what: string, { min, max }: Range): z.ZodNumber {
  // Numbers past the safe range name nothing, but are no fault.
  let schema = z.number();
  if (min !== undefined) schema = schema.min(min);
  if (max !== undefined) schema = schema.max(max);
  return schema.meta({ description: what, type: 'integer' });
}

/** An integer; text of one will do, and so will `12.0`. */
export function integer(what: string, range: Range = {}): z.ZodPreprocess<z.ZodNumber> {
  return field(integerSchema(what, range), (value) => readInteger(value, range));
}

/** An integer that may be absent or null. */
export function optionalInteger(
  what: string,
  range: Range = {},
): z.ZodPreprocess<z.ZodOptional<z.ZodNumber>> {
  return optionalField(integerSchema(what, range), (value) => readInteger(value, range));
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The id of a run: its number, or its UUID, which other faces show. */
export function runId(what: string): z.ZodPreprocess<z.ZodType<number | string>> {
  const schema = z.union([integerSchema(what, {}), z.string()]).meta({ description: what });
  return field(schema, (value) =>
    typeof value === 'string' && UUID.test(value) ? { value } : readInteger(value, {}),
  );
}

function readText(value: unknown): Read {
  return typeof value === 'string'
    ? { value }
    : { fault: { type: 'string_type', msg: 'Input should be a valid string' } };
}

export function text(what: string): z.ZodPreprocess<z.ZodString> {
  return field(z.string().describe(what), readText);
}

export function optionalText(what: string): z.ZodPreprocess<z.ZodOptional<z.ZodString>> {
  return optionalField(z.string().describe(what), readText);
}

/** A list of which each member is read by itself. */
export function optionalList<T extends z.ZodType>(
  item: T,
  what: string,
): z.ZodPreprocess<z.ZodOptional<z.ZodArray<T>>> {
  return optionalField(z.array(item).describe(what), (value) =>
    Array.isArray(value) ? { value } : { fault: { type: 'list_type', msg: 'Input should be a valid list' } },
  );
}

function readObject(value: unknown): Read {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? { value }
    : { fault: { type: 'dict_type', msg: 'Input should be a valid dictionary' } };
}

/** An object of a given form or a map. */
export function object<T extends z.ZodType>(inner: T): z.ZodPreprocess<T> {
  return field(inner, readObject);
}

export function optionalObject<T extends z.ZodType>(inner: T): z.ZodPreprocess<z.ZodOptional<T>> {
  return optionalField(inner, readObject);
}

/** pydantic calls an enumeration's fault `enum`, and that of a list of literals `literal_error`. */
type ListFault = 'enum' | 'literal_error';

function readOneOf(values: readonly string[], type: ListFault): (value: unknown) => Read {
  const quoted = values.map((one) => `'${one}'`);
  const last = quoted.pop() ?? '';
  const msg = `Input should be ${quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`}`;
  return (value) =>
    typeof value === 'string' && values.includes(value) ? { value } : { fault: { type, msg } };
}

export function oneOf<const V extends readonly [string, ...string[]]>(
  values: V,
  what: string,
  type: ListFault = 'literal_error',
): z.ZodPreprocess<z.ZodType<V[number], unknown>> {
  return field(oneOfSchema(values, what), readOneOf(values, type));
}

export function optionalOneOf<const V extends readonly [string, ...string[]]>(
  values: V,
  what: string,
  type: ListFault = 'literal_error',
): z.ZodPreprocess<z.ZodOptional<z.ZodType<V[number], unknown>>> {
  return optionalField(oneOfSchema(values, what), readOneOf(values, type));
}

function oneOfSchema<const V extends readonly [string, ...string[]]>(
  values: V,
  what: string,
): z.ZodType<V[number], unknown> {
  return z.enum(values as unknown as [V[number], ...V[number][]]).describe(what);
}

const TRUE_TEXT = /^(?:1|true|t|yes|y|on)$/i;
const FALSE_TEXT = /^(?:0|false|f|no|n|off)$/i;

function readBoolean(value: unknown): Read {
  if (typeof value === 'boolean') return { value };
  const spelled = typeof value === 'number' ? String(value) : value;
  if (typeof spelled !== 'string') {
    return { fault: { type: 'bool_type', msg: 'Input should be a valid boolean' } };
  }
  if (TRUE_TEXT.test(spelled)) return { value: true };
  if (FALSE_TEXT.test(spelled)) return { value: false };
  return {
    fault: { type: 'bool_parsing', msg: 'Input should be a valid boolean, unable to interpret input' },
  };
}

export function optionalBoolean(what: string): z.ZodPreprocess<z.ZodOptional<z.ZodBoolean>> {
  return optionalField(z.boolean().describe(what), readBoolean);
}

const MAX_URL_LENGTH = 2083;

/** An http or https URL. */
export function webUrl(what: string): z.ZodPreprocess<z.ZodURL> {
  return field(z.url().max(MAX_URL_LENGTH).describe(what), (value) => {
    if (typeof value !== 'string') {
      return { fault: { type: 'url_type', msg: 'URL input should be a string or URL' } };
    }
    if (value.length > MAX_URL_LENGTH) {
      return {
        fault: { type: 'url_too_long', msg: `URL should have at most ${MAX_URL_LENGTH} characters` },
      };
    }
    if (!URL.canParse(value)) return { fault: { type: 'url_parsing', msg: 'Input should be a valid URL' } };
    return /^https?:$/.test(new URL(value).protocol)
      ? { value }
      : { fault: { type: 'url_scheme', msg: "URL scheme should be 'http' or 'https'" } };
  });
}

/** The UUID of a session. */
export function uuid(what: string): z.ZodPreprocess<z.ZodString> {
  return field(z.string().meta({ description: what, format: 'uuid' }), (value) =>
    typeof value === 'string' && UUID.test(value)
      ? { value: value.toLowerCase() }
      : { fault: { type: 'uuid_parsing', msg: 'Input should be a valid UUID' } },
  );
}
