import { pagedList, type PagedList } from './pages.ts';
import type { Query } from './query.ts';
import type { CallOptions, Transport } from './transport.ts';

/** The `list` of a resource that is paged by an opaque cursor. */
export function listOf<T>(json: Transport['json'], path: string) {
  return (query: Query & { cursor?: string | undefined } = {}, options?: CallOptions): PagedList<T> =>
    pagedList(
      (cursor: string | undefined) =>
        json({ ...options, method: 'GET', path, query: { ...query, cursor: cursor ?? query.cursor } }),
      (cursor) => cursor,
    );
}
