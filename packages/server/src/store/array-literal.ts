/**
 * Arrays as PostgreSQL array literals, written by hand: the driver escapes every element with two regular
 * expressions, which cost a third of a commit's CPU at 256 one-KB events a batch.
 */

/** Values whose text needs no quotes: UUIDs, numbers, booleans, RFC 3339 times, names of our own. */
export function plainArray(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

/**
 * JSON texts. A JSON text has no control characters, so its escape as a JSON string uses only `\"` and `\\`, which
 * are an array literal's escapes too; and `JSON.stringify` is native.
 */
export function jsonArray(texts: readonly (string | null)[]): string {
  return `{${texts.map((text) => (text === null ? 'NULL' : JSON.stringify(text))).join(',')}}`;
}

/**
 * Values of any text as an array literal; a string is one already. `serialize` gives the text of a value that is
 * neither null nor undefined.
 */
export function arrayLiteral(values: unknown, serialize: (value: unknown) => string = String): string {
  if (!Array.isArray(values)) return String(values);
  const items = values.map((value: unknown) =>
    value === null || value === undefined ? 'NULL' : `"${serialize(value).replace(/[\\"]/g, '\\$&')}"`,
  );
  return `{${items.join(',')}}`;
}

/** The elements of a one-dimensional array, as PostgreSQL prints it. */
export function parseArray<T>(literal: string, parse: (text: string) => T): (T | null)[] {
  const values: (T | null)[] = [];
  const element = /"((?:[^"\\]|\\.)*)"|([^,{}]+)/gs;
  for (const [, quoted, plain] of literal.matchAll(element)) {
    if (quoted !== undefined) values.push(parse(quoted.replace(/\\(.)/gs, '$1')));
    else values.push(plain === undefined || plain === 'NULL' ? null : parse(plain));
  }
  return values;
}
