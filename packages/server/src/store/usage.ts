import type { UsageGroup, UsageReport } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import type { UsageFacade } from '../engine/facade-inbox.ts';
import type { Pool } from './pool.ts';
import type { Fragment, Sql } from './sql.ts';

const LONGEST_DAYS = 3_660;
const MAX_ROWS = 10_000;

interface SumRow {
  day: string | null;
  model: string | null;
  agent_id: string | null;
  turns: number;
  tool_calls: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  unpriced_turns: number;
}

/** What organizations have used, by day: the sums of what each committer has added. */
export function createUsage(pool: Pool): UsageFacade {
  return {
    report: ({ organizationId }, query) => pool.read((sql) => report(sql, organizationId, query)),
  };
}

async function report(
  sql: Sql,
  organizationId: number,
  { from, to, groupBy }: { from: string; to: string; groupBy: UsageGroup[] },
): Promise<UsageReport> {
  const days = (Date.parse(to) - Date.parse(from)) / 86_400_000;
  if (!(days >= 0) || days > LONGEST_DAYS) {
    throw new EngineError('invalid_request', '`from` is not before `to`, or too long before it', {
      errors: [{ path: 'query.from', message: `must be up to ${LONGEST_DAYS} days before \`to\`` }],
    });
  }
  const column = (group: UsageGroup, name: Fragment): Fragment =>
    groupBy.includes(group) ? name : sql`null::text`;
  const rows = await sql<SumRow[]>`
    select ${column('day', sql`day::text`)} as day, ${column('model', sql`nullif(model, '')`)} as model,
      ${column('agent', sql`nullif(agent_id, '')`)} as agent_id, sum(turns)::bigint as turns,
      sum(tool_calls)::bigint as tool_calls, sum(input_tokens)::bigint as input_tokens,
      sum(output_tokens)::bigint as output_tokens, sum(cost_usd) as cost_usd,
      sum(unpriced_turns)::bigint as unpriced_turns
    from usage where organization_id = ${organizationId} and day between ${from}::date and ${to}::date
    group by 1, 2, 3 order by 1, 2 nulls last, 3 nulls last limit ${MAX_ROWS}`;
  const data = rows.map(({ day, model, agent_id: agentId, ...sums }) => ({
    day,
    model,
    agentId,
    ...sumsOf(sums),
  }));
  const [total] = await sql<Omit<SumRow, 'day' | 'model' | 'agent_id'>[]>`
    select coalesce(sum(turns), 0)::bigint as turns, coalesce(sum(tool_calls), 0)::bigint as tool_calls,
      coalesce(sum(input_tokens), 0)::bigint as input_tokens, coalesce(sum(output_tokens), 0)::bigint as output_tokens,
      coalesce(sum(cost_usd), 0) as cost_usd, coalesce(sum(unpriced_turns), 0)::bigint as unpriced_turns
    from usage where organization_id = ${organizationId} and day between ${from}::date and ${to}::date`;
  if (total === undefined) throw new Error('a sum without a row');
  return { from, to, groupBy, data, total: sumsOf(total) };
}

function sumsOf(row: Omit<SumRow, 'day' | 'model' | 'agent_id'>): UsageReport['total'] {
  return {
    turns: row.turns,
    toolCalls: row.tool_calls,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    // Sums of binary fractions: a billionth of a dollar is exact enough.
    costUsd: Math.round(row.cost_usd * 1e9) / 1e9,
    unpricedTurns: row.unpriced_turns,
  };
}
