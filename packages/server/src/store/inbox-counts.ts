import { DEFAULT_INBOX_HOLDS, DEFAULT_INBOX_KINDS, type InboxCounts } from '@fermata/protocol';
import type { Sql } from './sql.ts';

const MAX_ASSIGNEES = 100;

interface KindRow {
  kind: string;
  snoozed: boolean;
  overdue: boolean;
  assignee: string | null;
  count: number;
}

/** How much stands in the inbox: one look at the open waits, one at the holds. */
export async function countInbox(sql: Sql, organizationId: number): Promise<InboxCounts> {
  const [waits, holds] = await Promise.all([
    sql<KindRow[]>`
      select kind, coalesce(snoozed_until > now(), false) as snoozed, coalesce(deadline_at < now(), false) as overdue,
        assignee, count(*)::int as count
      from waits
      where organization_id = ${organizationId} and state = 'open'
        and kind in ('approval', 'input', 'tool_output', 'in_doubt')
      group by 1, 2, 3, 4`,
    sql<{ name: string; count: number }[]>`
      select name, count(*)::int as count from holds where organization_id = ${organizationId} and is_live group by 1`,
  ]);
  const isDefault = ({ kind }: KindRow): boolean => (DEFAULT_INBOX_KINDS as readonly string[]).includes(kind);
  const awake = waits.filter((row) => !row.snoozed);
  const shown = awake.filter(isDefault);
  const held = sumOf(holds.filter(({ name }) => DEFAULT_INBOX_HOLDS.includes(name)));
  const byKind: Record<string, number> = { approval: 0, input: 0, in_doubt: 0, tool_output: 0, hold: held };
  for (const { kind, count } of awake) byKind[kind] = (byKind[kind] ?? 0) + count;
  return {
    total: sumOf(shown) + held,
    byKind,
    byHold: Object.fromEntries(holds.map(({ name, count }) => [name, count])),
    byAssignee: assigneesOf(shown),
    snoozed: sumOf(waits.filter((row) => row.snoozed && isDefault(row))),
    overdue: sumOf(shown.filter((row) => row.overdue)),
  };
}

function sumOf(rows: readonly { count: number }[]): number {
  return rows.reduce((sum, { count }) => sum + count, 0);
}

function assigneesOf(rows: readonly KindRow[]): InboxCounts['byAssignee'] {
  const counts = new Map<string | null, number>();
  for (const { assignee, count } of rows) counts.set(assignee, (counts.get(assignee) ?? 0) + count);
  return [...counts]
    .map(([assignee, count]) => ({ assignee, count }))
    .toSorted((a, b) => b.count - a.count)
    .slice(0, MAX_ASSIGNEES);
}
