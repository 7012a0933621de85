import fc from 'fast-check';
import type { Page } from '../../../packages/server/src/engine/caller.ts';

/** Every item of a list, page by page. */
export async function allPages<Q extends { cursor?: string | undefined }, T>(
  list: (query: Q) => Promise<Page<T>>,
  query: Q,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await list({ ...query, cursor: cursor ?? undefined });
    items.push(...page.data);
    cursor = page.nextCursor;
  }
  return items;
}

/** A filter that is given in two of three cases. */
export const some = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 3 });
/** A filter by some of these, or none. */
export const listOf = (items: readonly string[]): fc.Arbitrary<string[] | undefined> =>
  some(fc.subarray([...items], { minLength: 1 }));
