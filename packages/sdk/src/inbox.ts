import type { InboxCounts, InboxItem, ListInboxQuery } from '@fermata/protocol';
import { pagedList, type PagedList } from './pages.ts';
import type { CallOptions, Transport } from './transport.ts';

/** What needs somebody now, over all runs. */
export interface InboxApi {
  /** The oldest first, or with `orderBy: 'deadline'` the next deadline first. */
  list(query?: ListInboxQuery, options?: CallOptions): PagedList<InboxItem>;
  counts(options?: CallOptions): Promise<InboxCounts>;
}

export function inboxApi({ json }: Transport): InboxApi {
  return {
    list: (query = {}, options) =>
      pagedList(
        (cursor: string | undefined) =>
          json({
            ...options,
            method: 'GET',
            path: '/inbox',
            query: { ...query, cursor: cursor ?? query.cursor },
          }),
        (cursor) => cursor,
      ),
    counts: (options) => json({ ...options, method: 'GET', path: '/inbox/counts' }),
  };
}
