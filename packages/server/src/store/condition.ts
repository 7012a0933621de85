import type { Fragment, Sql } from './sql.ts';

/** Conditions joined by `and`; none is true. */
export function allOf(sql: Sql, conditions: readonly Fragment[]): Fragment {
  return conditions.reduce((joined, condition) => sql`${joined} and ${condition}`, sql`true`);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** What is not a UUID names nothing, and must not reach a `uuid` column. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** A whole number that fits a `bigint` column. */
export function isRowNumber(number: number): boolean {
  return Number.isSafeInteger(number);
}

/** Text as a pattern of `like` that matches what contains it. */
export function containsPattern(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}

/** U+0000 cannot stand in PostgreSQL text: a value with it matches nothing. */
export function isStorable(text: string): boolean {
  return !text.includes('\u0000');
}
