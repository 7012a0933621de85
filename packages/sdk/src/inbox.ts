import type { InboxCounts, InboxItem, ListInboxQuery } from '@fermata/protocol';
import { listOf } from './list-of.ts';
import type { PagedList } from './pages.ts';
import type { CallOptions, Transport } from './transport.ts';

/** What needs somebody now, over all runs. */
export interface InboxApi {
  /** The oldest first, or with `orderBy: 'deadline'` the next deadline first. */
  list(query?: ListInboxQuery, options?: CallOptions): PagedList<InboxItem>;
  counts(options?: CallOptions): Promise<InboxCounts>;
}

export function inboxApi({ json }: Transport): InboxApi {
  return {
    list: listOf(json, '/inbox'),
    counts: (options) => json({ ...options, method: 'GET', path: '/inbox/counts' }),
  };
}
