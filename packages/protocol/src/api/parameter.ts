import { z } from 'zod';

/** An integer of the query string or of a header. */
export function integerParameter(
  what: string,
  range: { min?: number; max?: number } = {},
): z.ZodType<number, unknown> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
  return z
    .preprocess(
      (value) => (typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value),
      z.number({ error: 'expected an integer' }).int().min(min).max(max),
    )
    .describe(what);
}

/** A boolean of the query string: `true`, `false`, `1`, `0`. */
export function booleanParameter(what: string): z.ZodType<boolean, unknown> {
  return z
    .preprocess(
      (value) =>
        value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value,
      z.boolean({ error: 'expected true or false' }),
    )
    .describe(what);
}

/** A comma list of the query string; the parameter may also be repeated. */
export function listParameter<T extends z.ZodType>(item: T, what: string): z.ZodType<z.output<T>[], unknown> {
  return z.preprocess((value) => splitList(value), z.array(item).min(1)).describe(what);
}

function splitList(value: unknown): unknown {
  if (typeof value === 'string') return value.split(',').filter((part) => part !== '');
  if (Array.isArray(value) && value.every((part) => typeof part === 'string')) {
    return value.flatMap((part) => part.split(',')).filter((part) => part !== '');
  }
  return value;
}

/** A time in a request: RFC 3339 with `Z` or an offset. */
export function timeParameter(what: string): z.ZodISODateTime {
  return z.iso.datetime({ offset: true }).describe(what);
}

/** An id in a path. Any string is taken: what does not exist is `not_found`, not invalid. */
export function idParameter(what: string): z.ZodString {
  return z.string().min(1).max(1024).describe(what);
}
