import { EngineError } from '../engine/errors.ts';
import type { Page, PageQuery } from '../engine/caller.ts';

export const DEFAULT_LIMIT = 20;
const MOST = 1000;

/** Where a list goes on: the values of its order columns in the last row that was given. */
export type CursorValues = readonly (string | number)[];

/** An opaque cursor. `list` names the list, so that a cursor of another one is refused. */
export function encodeCursor(list: string, values: CursorValues): string {
  return Buffer.from(JSON.stringify([list, ...values])).toString('base64url');
}

/** The values of a cursor, or null without one. `invalid_request` for what is not a cursor of this list. */
export function decodeCursor(list: string, cursor: string | undefined, length: number): CursorValues | null {
  if (cursor === undefined) return null;
  const parts = parse(cursor);
  const [name, ...values] = parts ?? [];
  if (name !== list || values.length !== length || !values.every(isCursorValue)) {
    throw new EngineError('invalid_request', 'The cursor is not one of this list', {
      errors: [{ path: 'cursor', message: 'not a cursor of this list' }],
    });
  }
  return values;
}

function parse(cursor: string): unknown[] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parts) ? parts : null;
  } catch {
    return null;
  }
}

function isCursorValue(value: unknown): value is string | number {
  return typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value));
}

/** The limit of a list query, between 1 and 1,000; faces have smaller ones of their own. */
export function limitOf(query: PageQuery, fallback = DEFAULT_LIMIT): number {
  return Math.min(Math.max(Math.trunc(query.limit ?? fallback), 1), MOST);
}

export function offsetOf(query: PageQuery): number {
  return query.cursor === undefined ? Math.max(Math.trunc(query.offset ?? 0), 0) : 0;
}

/** A page of rows of which one more than `limit` was read: the extra one only tells that there is more. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  parts: { item: (row: Row) => Item; cursor: (row: Row) => string; total?: number | undefined },
): Page<Item> {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    data: kept.map(parts.item),
    nextCursor: rows.length > limit && last !== undefined ? parts.cursor(last) : null,
    ...(parts.total === undefined ? {} : { total: parts.total }),
  };
}
