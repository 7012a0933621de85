import type { InboxCounts, InboxItem, InboxKind, UsageGroup, UsageReport } from '@fermata/protocol';
import type { Caller, Page, PageQuery } from './caller.ts';

export interface InboxQuery extends PageQuery {
  kind?: InboxKind[] | undefined;
  hold?: string[] | undefined;
  assignee?: string[] | undefined;
  agent?: string[] | undefined;
  /** Standing since before this time, RFC 3339. */
  standingBefore?: string | undefined;
  deadlineBefore?: string | undefined;
  /** Also what is snoozed. */
  snoozed?: boolean | undefined;
  orderBy?: 'age' | 'deadline' | undefined;
}

/** What needs somebody now, over all runs: open waits, and runs that are held. */
export interface InboxFacade {
  list(caller: Caller, query: InboxQuery): Promise<Page<InboxItem>>;
  counts(caller: Caller): Promise<InboxCounts>;
}

export interface UsageFacade {
  /** Days are UTC, both included. */
  report(caller: Caller, query: { from: string; to: string; groupBy: UsageGroup[] }): Promise<UsageReport>;
}
